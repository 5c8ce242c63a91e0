/**
 * `npm run new:resource -- SERVICE NAME [--plural NAMES] [--dry-run] [--force]`: adds a resource to a service. What is
 * missing it asks for, on a terminal.
 */
import { runCommand } from '../run-command.js';
import { applyPlan } from './apply-plan.js';
import { readGeneratorArguments, refuse, type Given } from './generator-arguments.js';
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

await runCommand(async () => {
  const { names, values, apply } = readGeneratorArguments({
    usage,
    options: ['plural'],
    names: 2,
    tooMany: 'Only one resource can be made at a time',
  });
  const resource = await complete({ service: names[0], name: names[1], plural: values.plural });
  refuse(resourceFault(resource));
  const scopes = scopesOf(resource);
  if (!(await applyPlan(await planResource(resource), apply))) return;
  const { service, plural } = resource;
  console.log(`
The service ${service} has /${plural}. It needs the scopes ${scopes.names.join(' and ')}. ${
    scopes.areNew ? 'Customers get them at their next login' : 'Customers have them already'
  }. Next:
  npm test -- apps/${service}/test/${plural}
  npm start
docs/add-a-service.md says what to change in it.`);
});

/** Takes the usual plural if there is none. If the service or the name is missing, it asks for everything that is. */
async function complete({ service, name, plural }: Given<NewResource>): Promise<NewResource> {
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
