/**
 * `npm run new:service -- NAME [--port-offset N] [--role ROLE] [--dry-run] [--force]`: makes a resource service. Without
 * a name it asks, on a terminal.
 */
import { runCommand } from '../run-command.js';
import { nextOffset } from '../system/service-table.js';
import { defaultPortBase, services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { applyPlan } from './apply-plan.js';
import { readGeneratorArguments, refuse, type Given } from './generator-arguments.js';
import { askPerson } from './questions.js';
import { planService, serviceFault, type NewService } from './service-plan.js';

const usage = 'npm run new:service -- NAME [--port-offset N] [--role ROLE] [--dry-run] [--force]';

await runCommand(async () => {
  const { names, values, apply } = readGeneratorArguments({
    usage,
    options: ['port-offset', 'role'],
    names: 1,
    tooMany: 'Only one service can be made at a time',
  });
  const { role, 'port-offset': offset } = values;
  const portOffset = offset === undefined ? undefined : readOffset(offset);
  const service = await complete({ name: names[0], role, portOffset });
  refuse(serviceFault(service));
  if (!(await applyPlan(await planService(service), apply))) return;
  console.log(`
The service ${service.name} is there. Next:
  npm test -- apps/${service.name}
  npm start          ${service.name} then answers at http://localhost:${defaultPortBase + service.portOffset}/docs, with the usual ports
docs/add-a-service.md says what to change in it.`);
});

/** `Number` would also accept 0x3 and an empty text. */
function readOffset(text: string): number {
  if (!/^\d+$/.test(text))
    throw new SetupError('bad_argument', `The port offset must be a whole number, and "${text}" is not`);
  return Number(text);
}

/** Takes the defaults for what is missing. Without a name it asks for everything that is missing. */
async function complete({ name, portOffset, role }: Given<NewService>): Promise<NewService> {
  const usual = { portOffset: nextOffset(services), role: 'admin' };
  if (name !== undefined)
    return { name, portOffset: portOffset ?? usual.portOffset, role: role ?? usual.role };
  return askPerson(`The name of the service is missing. Usage: ${usage}`, async (ask) => ({
    name: await ask('Name of the service'),
    portOffset: portOffset ?? readOffset(await ask('Port offset', String(usual.portOffset))),
    role: role ?? (await ask('Role that may write', usual.role)),
  }));
}
