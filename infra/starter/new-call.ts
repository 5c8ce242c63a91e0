/**
 * `npm run new:call -- CALLER CALLEE [--needs SCOPE] [--grants SCOPE | --new-scope SCOPE] [--dry-run] [--force]`: lets a
 * service call another one in the name of an account. Without both names it asks, on a terminal.
 */
import { runCommand } from '../run-command.js';
import { defaultPortBase, services } from '../system/services.js';
import { applyPlan } from './apply-plan.js';
import {
  declaredScopes,
  defaultScopes,
  pairFault,
  planCall,
  scopeFault,
  type NewCall,
  type Pair,
} from './call-plan.js';
import { readGeneratorArguments, refuse, type Given } from './generator-arguments.js';
import { askPerson, type Ask } from './questions.js';

const usage =
  'npm run new:call -- CALLER CALLEE [--needs SCOPE] [--grants SCOPE | --new-scope SCOPE] [--dry-run] [--force]';

await runCommand(async () => {
  const { names, values, apply } = readGeneratorArguments({
    usage,
    options: ['needs', 'grants', 'new-scope'],
    names: 2,
    tooMany: 'Only one call can be made at a time',
  });
  const { needs: needed, grants: granted, 'new-scope': newScope } = values;
  if (granted !== undefined && newScope !== undefined)
    refuse(`--grants names a scope that exists and --new-scope makes one: use one of them. Usage: ${usage}`);
  const call = await complete({
    caller: names[0],
    callee: names[1],
    needs: needed,
    grants: granted,
    newScope,
  });
  refuse(scopeFault(call));
  if (!(await applyPlan(await planCall(call), apply))) return;
  const { caller, callee, needs, grants } = call;
  const { portOffset } = services.find(({ name }) => name === caller)!;
  console.log(`
${caller} can call ${callee}: it exchanges a token with ${needs} for one with ${grants}. Next:
  npm test -- ${callee}-callee ${caller}-caller
  npm start          GET http://localhost:${defaultPortBase + portOffset}/callees/${callee} then makes the call, with the usual ports
docs/add-a-service.md says what to change in it.`);
});

/** What the command line says. */
type GivenCall = Given<Pair & Pick<NewCall, 'needs' | 'grants'> & { newScope: string }>;

/** Takes the defaults for the scopes that are missing. Without both names it asks for everything that is missing. */
async function complete(given: GivenCall): Promise<NewCall> {
  const { caller, callee } = given;
  if (caller !== undefined && callee !== undefined)
    return withScopes(given, { caller, callee }, async (_question, usual = '') => usual);
  return askPerson(
    `The name of the ${caller === undefined ? 'caller' : 'callee'} is missing. Usage: ${usage}`,
    async (ask) =>
      withScopes(
        given,
        {
          caller: caller ?? (await ask('Service that calls')),
          callee: callee ?? (await ask('Service that is called')),
        },
        ask,
      ),
  );
}

async function withScopes(given: GivenCall, pair: Pair, ask: Ask): Promise<NewCall> {
  refuse(pairFault(pair));
  const { caller, callee } = pair;
  const usual = defaultScopes(pair);
  const needs = given.needs ?? (await ask('Scope that its caller must have', usual.needs));
  const grants =
    given.newScope ?? given.grants ?? (await ask(`Scope at ${callee} that it gets`, usual.grants));
  const isUsual = given.grants === undefined && grants === usual.grants;
  const declares = given.newScope !== undefined || (isUsual && !declaredScopes(callee).includes(grants));
  return { caller, callee, needs, grants, declares };
}
