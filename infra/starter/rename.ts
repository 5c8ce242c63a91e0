/**
 * `npm run rename -- NAME [--title TITLE] [--dry-run] [--force]`: gives the project another name, everywhere. Without a
 * name it asks, on a terminal.
 */
import { stateFolderOf } from '../project.js';
import { runCommand } from '../run-command.js';
import { applyPlan } from './apply-plan.js';
import { readGeneratorArguments, refuse, type Given } from './generator-arguments.js';
import { usualTitle, type ProjectName } from './project-name.js';
import { askPerson } from './questions.js';
import { planRename, presentName, renameFault } from './rename-plan.js';

const usage = 'npm run rename -- NAME [--title "TITLE"] [--dry-run] [--force]';

await runCommand(async () => {
  const { names, values, apply } = readGeneratorArguments({
    usage,
    options: ['title'],
    names: 1,
    tooMany: 'Only one name can be given, and a title with spaces needs quotes',
  });
  const rename = { from: presentName(), to: await complete({ name: names[0], title: values.title }) };
  refuse(renameFault(rename));
  if (!(await applyPlan(await planRename(rename), apply))) return;
  const { name, title } = rename.to;
  console.log(`
The project is ${title} now, and its name in code is ${name}. The state folder of npm start is ${stateFolderOf(name)}.
LICENSE keeps its copyright line, because the MIT licence asks for it. Add your own line below it. Next:
  npm run check      all checks and all tests
  git diff --stat    what has changed`);
});

/** Takes the usual title if none is given. Without a name it asks for what is missing. */
async function complete({ name, title }: Given<ProjectName>): Promise<ProjectName> {
  if (name !== undefined) return { name, title: title ?? usualTitle(name) };
  return askPerson(`The name of the project is missing. Usage: ${usage}`, async (ask) => {
    const asked = await ask('Name of the project, such as gift-cards');
    return { name: asked, title: title ?? (await ask('Title, for sentences', usualTitle(asked))) };
  });
}
