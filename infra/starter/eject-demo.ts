/**
 * `npm run eject-demo -- NAME [--dry-run] [--force]`: removes the demo, and makes an empty service in its place. Without a name
 * it asks, on a terminal.
 */
import { parseArgs } from 'node:util';
import { SetupError } from '../system/setup-error.js';
import { applyPlan } from './apply-plan.js';
import { ejectFault, pagesAboutDemo, planEject, successorFault } from './eject-plan.js';
import { askPerson } from './questions.js';

const usage = 'npm run eject-demo -- NAME [--dry-run] [--force]';

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
}

async function main(args: string[]): Promise<void> {
  const { given, dryRun, force } = readArguments(args);
  refuse(ejectFault());
  const name = given ?? (await askName());
  refuse(successorFault(name));
  const plan = await planEject(name);
  if (!(await applyPlan(plan, { dryRun, force }))) return;
  const pages = pagesAboutDemo(plan).map(([path, lines]) => `  ${path}: ${lines}`);
  console.log(`
The demo is gone, and the service ${name} is there. Next:
  npm run reset      removes the data of the demo, if the system has run here
  npm test
  npm start
docs/add-a-service.md says what to change in ${name}.

These pages still speak of orders or inventory. The numbers count their lines that do.
${pages.join('\n')}`);
}

function refuse(fault: string | undefined): void {
  if (fault !== undefined) throw new SetupError('bad_argument', `${fault}.`);
}

function readArguments(args: string[]): { given: string | undefined; dryRun: boolean; force: boolean } {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        'dry-run': { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 1) throw new Error('Only one service comes in the place of the demo');
    return { given: positionals[0], dryRun: values['dry-run'], force: values.force };
  } catch (cause) {
    throw new SetupError('bad_argument', `${(cause as Error).message}. Usage: ${usage}`, { cause });
  }
}

function askName(): Promise<string> {
  const missing = `The name of the new service is missing. Usage: ${usage}`;
  return askPerson(missing, (ask) => ask('Name of the service that comes in the place of the demo'));
}
