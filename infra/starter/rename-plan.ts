/**
 * What another name of the project changes: every text and every path of the repository that has the present name. Only
 * the licence keeps it.
 */
import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { generatedPaths } from '../generate/generated-paths.js';
import { projectRoot, readManifest, readProjectFile, stateFolderOf } from '../project.js';
import { allFormatted, type Plan } from './apply-plan.js';
import { patternOf, renamedPath, renamedText, type ProjectName, type Rename } from './project-name.js';
import { repositoryFiles } from './repository-files.js';

/** The MIT licence asks that its copyright line stays. */
const licence = 'LICENSE';
const lockFile = 'package-lock.json';
const longest = 40;

/** The name and the title in package.json. */
export function presentName(): ProjectName {
  const { name, title } = readManifest();
  return { name, title };
}

/** Why the project cannot get this name, and what to change. Undefined if it can. */
export function renameFault({ from, to }: Rename): string | undefined {
  return nameFault(to.name) ?? titleFault(to.title) ?? sameFault({ from, to }) ?? clashFault({ from, to });
}

function nameFault(name: string): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    return `"${name}" cannot be the name of the project. Expected: lower-case letters and digits, in groups joined by single dashes, such as gift-cards`;
  if (name.length > longest)
    return `"${name}" is too long for the project: ${name.length} characters. Expected: at most ${longest}`;
  return isBuiltin(name)
    ? `"${name}" is reserved: it is a module of Node.js. Choose another name`
    : undefined;
}

/** A title stands in strings, tables, XML and YAML, so it has no character that means something there. */
function titleFault(title: string): string | undefined {
  if (!/^\p{L}[\p{L}\p{N}]*([ -][\p{L}\p{N}]+)*$/u.test(title))
    return `"${title}" cannot be the title of the project. Expected: letters and digits, in groups joined by single spaces or dashes, such as "Gift Cards"`;
  return title.length > longest
    ? `"${title}" is too long for a title: ${title.length} characters. Expected: at most ${longest}`
    : undefined;
}

function sameFault({ from, to }: Rename): string | undefined {
  return from.name === to.name && from.title === to.title
    ? `The project is named ${to.name} already, with the title ${to.title}. Choose another name`
    : undefined;
}

function clashFault({ from, to }: Rename): string | undefined {
  const stateFolder = stateFolderOf(from.name);
  // git would no longer ignore it, and nothing would find its processes and, for root, its database.
  if (from.name !== to.name && existsSync(join(projectRoot, stateFolder)))
    return `The folder ${stateFolder} has keys and data of the system under its present name. Remove them first: npm run reset`;
  const { dependencies, devDependencies } = readManifest();
  const named = Object.keys({ ...dependencies, ...devDependencies }).find((each) =>
    patternOf(from).test(each),
  );
  if (named !== undefined)
    return `The package ${named} has the name of the project, and its own name must stay. Rename the project by hand`;
  return occurrenceFault({ from, to });
}

/** Says where the new name stands before the rename, outside of the present name. */
function occurrenceFault({ from, to }: Rename): string | undefined {
  const found = (content: string | Buffer) =>
    typeof content === 'string'
      ? content.replace(patternOf(from), '\0').match(patternOf(to))?.[0]
      : undefined;
  for (const path of renamedFiles()) {
    const word = found(path) ?? found(contentOf(path));
    if (word !== undefined)
      return `"${word}" stands in ${path} already. A later rename could not tell it from the name of the project. Choose another name`;
  }
  return undefined;
}

/** Makes every file with the new name. */
export async function planRename(rename: Rename): Promise<Plan> {
  const files = renamedFiles().map((path) => renamedFile(path, rename));
  const moved = files.filter(({ path, to }) => to !== path);
  const changed = files.filter(({ path, to, before, after }) => to === path && after !== before);
  const pictures = moved.filter(({ after }) => typeof after !== 'string');
  return {
    created: {
      ...(await allFormatted(textsOf(moved))),
      ...Object.fromEntries(pictures.map(({ to, after }) => [to, after])),
    },
    changed: { ...(await allFormatted(textsOf(changed))), ...renamedLock(rename) },
    removed: moved.map(({ path }) => path),
  };
}

interface RenamedFile {
  readonly path: string;
  readonly to: string;
  readonly before: string | Buffer;
  readonly after: string | Buffer;
}

function renamedFile(path: string, rename: Rename): RenamedFile {
  const before = contentOf(path);
  const after = typeof before === 'string' ? renamedText(path, before, rename) : before;
  return { path, to: renamedPath(path, rename), before, after };
}

function textsOf(files: readonly RenamedFile[]): Record<string, string> {
  return Object.fromEntries(
    files.flatMap(({ to, after }) => (typeof after === 'string' ? [[to, after]] : [])),
  );
}

/** The files whose text and path get the new name. The generated ones follow from them. */
function renamedFiles(): string[] {
  const others: readonly string[] = [licence, lockFile, ...generatedPaths];
  return repositoryFiles().filter((path) => !others.includes(path));
}

/** In package-lock.json all other names are those of packages. */
function renamedLock({ to: { name } }: Rename): Record<string, string> {
  const lock = JSON.parse(readProjectFile(lockFile)) as { packages: Record<string, object> };
  const packages = { ...lock.packages, '': { ...lock.packages[''], name } };
  return { [lockFile]: `${JSON.stringify({ ...lock, name, packages }, null, 2)}\n` };
}

/** The text of a file; its bytes if it is not a text. */
function contentOf(path: string): string | Buffer {
  const content = readFileSync(join(projectRoot, path));
  return isUtf8(content) ? content.toString() : content;
}
