/**
 * `npm run new:call -- CALLER CALLEE [--needs SCOPE] [--grants SCOPE | --new-scope SCOPE] [--dry-run] [--force]`: lets a
 * service call another one in the name of an account. Without both names it asks, on a terminal.
 */
import { parseArgs } from 'node:util';
import { defaultPortBase, services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
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
import { askPerson, type Ask } from './questions.js';

const usage =
  'npm run new:call -- CALLER CALLEE [--needs SCOPE] [--grants SCOPE | --new-scope SCOPE] [--dry-run] [--force]';

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
}

async function main(args: string[]): Promise<void> {
  const { given, dryRun, force } = readArguments(args);
  const call = await complete(given);
  refuse(scopeFault(call));
  if (!(await applyPlan(await planCall(call), { dryRun, force }))) return;
  const { caller, callee, needs, grants } = call;
  const { portOffset } = services.find(({ name }) => name === caller)!;
  console.log(`
${caller} can call ${callee}: it exchanges a token with ${needs} for one with ${grants}. Next:
  npm test -- ${callee}-callee ${caller}-caller
  npm start          GET http://localhost:${defaultPortBase + portOffset}/callees/${callee} then makes the call
docs/add-a-service.md says what to change in it.`);
}

/** What the command line says. */
type Given = Partial<Pair & Pick<NewCall, 'needs' | 'grants'>> & { readonly newScope?: string };

function readArguments(args: string[]): { given: Given; dryRun: boolean; force: boolean } {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        needs: { type: 'string' },
        grants: { type: 'string' },
        'new-scope': { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
      },
    });
    const [caller, callee, ...more] = positionals;
    const { needs, grants, 'new-scope': newScope } = values;
    if (more.length > 0) throw new Error('Only one call can be made at a time');
    if (grants !== undefined && newScope !== undefined)
      throw new Error('--grants names a scope that exists and --new-scope makes one: use one of them');
    const given = {
      ...(caller !== undefined && { caller }),
      ...(callee !== undefined && { callee }),
      ...(needs !== undefined && { needs }),
      ...(grants !== undefined && { grants }),
      ...(newScope !== undefined && { newScope }),
    };
    return { given, dryRun: values['dry-run'], force: values.force };
  } catch (cause) {
    throw new SetupError('bad_argument', `${(cause as Error).message}. Usage: ${usage}`, { cause });
  }
}

/** Takes the defaults for the scopes that are missing. Without both names it asks for everything that is missing. */
async function complete(given: Given): Promise<NewCall> {
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

async function withScopes(given: Given, pair: Pair, ask: Ask): Promise<NewCall> {
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

function refuse(fault: string | undefined): void {
  if (fault !== undefined) throw new SetupError('bad_argument', `${fault}.`);
}
