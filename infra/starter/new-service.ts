/**
 * `npm run new:service -- NAME [--port-offset N] [--role ROLE] [--dry-run] [--force]`: makes a resource service. Without
 * a name it asks, on a terminal.
 */
import { parseArgs } from 'node:util';
import { nextOffset } from '../system/service-table.js';
import { defaultPortBase, services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { applyPlan } from './apply-plan.js';
import { askPerson } from './questions.js';
import { planService, serviceFault, type NewService } from './service-plan.js';

const usage = 'npm run new:service -- NAME [--port-offset N] [--role ROLE] [--dry-run] [--force]';

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
}

async function main(args: string[]): Promise<void> {
  const { given, dryRun, force } = readArguments(args);
  const service = await complete(given);
  const fault = serviceFault(service);
  if (fault !== undefined) throw new SetupError('bad_argument', `${fault}.`);
  if (!(await applyPlan(await planService(service), { dryRun, force }))) return;
  console.log(`
The service ${service.name} is there. Next:
  npm test -- apps/${service.name}
  npm start          ${service.name} then answers at http://localhost:${defaultPortBase + service.portOffset}/docs
docs/add-a-service.md says what to change in it.`);
}

interface Arguments {
  readonly given: Partial<NewService>;
  readonly dryRun: boolean;
  readonly force: boolean;
}

function readArguments(args: string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        'port-offset': { type: 'string' },
        role: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 1) throw new Error('Only one service can be made at a time');
    const [name] = positionals;
    const { role, 'port-offset': offset } = values;
    const given = {
      ...(name !== undefined && { name }),
      ...(role !== undefined && { role }),
      ...(offset !== undefined && { portOffset: readOffset(offset) }),
    };
    return { given, dryRun: values['dry-run'], force: values.force };
  } catch (cause) {
    throw new SetupError('bad_argument', `${(cause as Error).message}. Usage: ${usage}`, { cause });
  }
}

/** `Number` would also accept 0x3 and an empty text. */
function readOffset(text: string): number {
  if (!/^\d+$/.test(text))
    throw new SetupError('bad_argument', `The port offset must be a whole number, and "${text}" is not`);
  return Number(text);
}

/** Takes the defaults for what is missing. Without a name it asks for everything that is missing. */
async function complete(given: Partial<NewService>): Promise<NewService> {
  const defaults = { portOffset: nextOffset(services), role: 'admin' };
  const { name } = given;
  if (name !== undefined) return { ...defaults, ...given, name };
  return askPerson(`The name of the service is missing. Usage: ${usage}`, async (ask) => ({
    name: await ask('Name of the service'),
    portOffset: given.portOffset ?? readOffset(await ask('Port offset', String(defaults.portOffset))),
    role: given.role ?? (await ask('Role that may write', defaults.role)),
  }));
}
