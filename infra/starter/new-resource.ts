/**
 * `npm run new:resource -- SERVICE NAME [--plural NAMES] [--dry-run] [--force]`: adds a resource to a service. What is
 * missing it asks for, on a terminal.
 */
import { parseArgs } from 'node:util';
import { SetupError } from '../system/setup-error.js';
import { applyPlan } from './apply-plan.js';
import { askPerson } from './questions.js';
import { pluralOf } from './resource-names.js';
import {
  planResource,
  resourceFault,
  resourceServices,
  scopesOf,
  type NewResource,
} from './resource-plan.js';

const usage = 'npm run new:resource -- SERVICE NAME [--plural NAMES] [--dry-run] [--force]';

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
}

async function main(args: string[]): Promise<void> {
  const { given, dryRun, force } = readArguments(args);
  const resource = await complete(given);
  const fault = resourceFault(resource);
  if (fault !== undefined) throw new SetupError('bad_argument', `${fault}.`);
  const scopes = scopesOf(resource);
  if (!(await applyPlan(await planResource(resource), { dryRun, force }))) return;
  const { service, plural } = resource;
  console.log(`
The service ${service} has /${plural}. It needs the scopes ${scopes.names.join(' and ')}. ${
    scopes.areNew ? 'Customers get them at their next login' : 'Customers have them already'
  }. Next:
  npm test -- apps/${service}/test/${plural}
  npm start
docs/add-a-service.md says what to change in it.`);
}

interface Arguments {
  readonly given: Partial<NewResource>;
  readonly dryRun: boolean;
  readonly force: boolean;
}

function readArguments(args: string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        plural: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 2) throw new Error('Only one resource can be made at a time');
    const [service, name] = positionals;
    const { plural } = values;
    const given = {
      ...(service !== undefined && { service }),
      ...(name !== undefined && { name }),
      ...(plural !== undefined && { plural }),
    };
    return { given, dryRun: values['dry-run'], force: values.force };
  } catch (cause) {
    throw new SetupError('bad_argument', `${(cause as Error).message}. Usage: ${usage}`, { cause });
  }
}

/** Takes the usual plural if there is none. If the service or the name is missing, it asks for everything that is. */
async function complete(given: Partial<NewResource>): Promise<NewResource> {
  const { service, name, plural } = given;
  if (service !== undefined && name !== undefined) return { service, name, plural: plural ?? pluralOf(name) };
  return askPerson(
    `The name of the ${service === undefined ? 'service' : 'resource'} is missing. Usage: ${usage}`,
    async (ask) => {
      const chosen = service ?? (await ask(`Service (${resourceServices.join(', ')})`));
      const named = name ?? (await ask('Name of the resource, such as gift-card'));
      return { service: chosen, name: named, plural: plural ?? (await ask('Plural', pluralOf(named))) };
    },
  );
}
