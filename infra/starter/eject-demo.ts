/**
 * `npm run eject-demo -- NAME [--dry-run] [--force]`: removes the demo, and makes an empty service in its place. Without a name
 * it asks, on a terminal.
 */
import { runCommand } from '../run-command.js';
import { applyPlan } from './apply-plan.js';
import { ejectFault, pagesAboutDemo, planEject, successorFault } from './eject-plan.js';
import { readGeneratorArguments, refuse } from './generator-arguments.js';
import { askPerson } from './questions.js';

const usage = 'npm run eject-demo -- NAME [--dry-run] [--force]';

await runCommand(async () => {
  const { names, apply } = readGeneratorArguments({
    usage,
    options: [],
    names: 1,
    tooMany: 'Only one service comes in the place of the demo',
  });
  refuse(ejectFault());
  const name = names[0] ?? (await askName());
  refuse(successorFault(name));
  const plan = await planEject(name);
  if (!(await applyPlan(plan, apply))) return;
  const pages = pagesAboutDemo(plan).map(([path, lines]) => `  ${path}: ${lines}`);
  console.log(`
The demo is gone, and the service ${name} is there. Next:
  npm run reset      removes the data of the demo, if the system has run here
  npm test
  npm start
docs/add-a-service.md says what to change in ${name}.

These pages still speak of orders or inventory. The numbers count their lines that do. Begin with README.md: its commands
call orders.
${pages.join('\n')}`);
});

function askName(): Promise<string> {
  const missing = `The name of the new service is missing. Usage: ${usage}`;
  return askPerson(missing, (ask) => ask('Name of the service that comes in the place of the demo'));
}
