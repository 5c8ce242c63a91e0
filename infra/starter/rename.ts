/**
 * `npm run rename -- NAME [--title TITLE] [--dry-run] [--force]`: gives the project another name, everywhere. Without a
 * name it asks, on a terminal.
 */
import { parseArgs } from 'node:util';
import { stateFolderOf } from '../project.js';
import { SetupError } from '../system/setup-error.js';
import { applyPlan } from './apply-plan.js';
import { usualTitle, type ProjectName } from './project-name.js';
import { askPerson } from './questions.js';
import { planRename, presentName, renameFault } from './rename-plan.js';

const usage = 'npm run rename -- NAME [--title "TITLE"] [--dry-run] [--force]';

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
}

async function main(args: string[]): Promise<void> {
  const { given, dryRun, force } = readArguments(args);
  const rename = { from: presentName(), to: await complete(given) };
  const fault = renameFault(rename);
  if (fault !== undefined) throw new SetupError('bad_argument', `${fault}.`);
  if (!(await applyPlan(await planRename(rename), { dryRun, force }))) return;
  const { name, title } = rename.to;
  console.log(`
The project is ${title} now, and its name in code is ${name}. The state folder of npm start is ${stateFolderOf(name)}.
LICENSE keeps its copyright line, because the MIT licence asks for it. Add your own line below it. Next:
  npm run check      all checks and all tests
  git diff --stat    what has changed`);
}

interface Arguments {
  readonly given: Partial<ProjectName>;
  readonly dryRun: boolean;
  readonly force: boolean;
}

function readArguments(args: string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        title: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 1)
      throw new Error('Only one name can be given, and a title with spaces needs quotes');
    const [name] = positionals;
    const given = {
      ...(name !== undefined && { name }),
      ...(values.title !== undefined && { title: values.title }),
    };
    return { given, dryRun: values['dry-run'], force: values.force };
  } catch (cause) {
    throw new SetupError('bad_argument', `${(cause as Error).message}. Usage: ${usage}`, { cause });
  }
}

/** Takes the usual title if none is given. Without a name it asks for what is missing. */
async function complete({ name, title }: Partial<ProjectName>): Promise<ProjectName> {
  if (name !== undefined) return { name, title: title ?? usualTitle(name) };
  return askPerson(`The name of the project is missing. Usage: ${usage}`, async (ask) => {
    const asked = await ask('Name of the project, such as gift-cards');
    return { name: asked, title: title ?? (await ask('Title, for sentences', usualTitle(asked))) };
  });
}
