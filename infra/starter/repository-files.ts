/** The files of the repository, without what git ignores. */
import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { projectRoot, readProjectFile } from '../project.js';
import { SetupError } from '../system/setup-error.js';

/** The paths from the root folder, sorted. Files that git does not know yet are among them; symbolic links are not. */
export function repositoryFiles(): string[] {
  const listed = filesOfGit();
  // Outside of a git repository there is no list. It is empty if the repository around this folder ignores it.
  const paths = listed.includes('package.json') ? listed : filesOfFolder();
  return paths.filter(isFile).sort();
}

function filesOfGit(): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const { status, stdout } = spawnSync('git', args, {
    cwd: projectRoot,
    encoding: 'utf8',
    timeout: 30_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return status === 0 ? stdout.split('\0').filter(Boolean) : [];
}

function filesOfFolder(): string[] {
  const isIgnored = ignoredBy(readProjectFile('.gitignore'));
  const inFolder = (folder: string): string[] =>
    readdirSync(join(projectRoot, folder), { withFileTypes: true })
      .map((entry) => ({ entry, path: join(folder, entry.name) }))
      .filter(({ path }) => path !== '.git' && !isIgnored(path))
      .flatMap(({ entry, path }) => (entry.isDirectory() ? inFolder(path) : [path]));
  return inFolder('.');
}

/**
 * Our .gitignore has names: `/dist/` is one at the root, `.env` is one in any folder. It has no patterns.
 *
 * @throws SetupError `bad_argument` if it has one, because only git knows what it means
 */
export function ignoredBy(gitignore: string): (path: string) => boolean {
  const lines = gitignore.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  const pattern = lines.find((line) => !/^\/?[^/*?[\]\\!]+\/?$/.test(line));
  if (pattern !== undefined)
    throw new SetupError(
      'bad_argument',
      `Without git, .gitignore can only have names, such as /dist/ or .env. It has: ${pattern}. Run \`git init\` first.`,
    );
  const names = new Set(lines.map((line) => line.replace(/\/$/, '')));
  return (path) => names.has(`/${path}`) || names.has(basename(path));
}

/** False for a file that was removed, and git does not know it yet. */
function isFile(path: string): boolean {
  return lstatSync(join(projectRoot, path), { throwIfNoEntry: false })?.isFile() ?? false;
}
