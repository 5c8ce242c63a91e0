/** The files of the repository, without what git ignores. */
import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, readProjectFile } from '../project.js';

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

/** Our .gitignore names whole files and folders, and has no patterns. */
function filesOfFolder(): string[] {
  const lines = readProjectFile('.gitignore').split('\n');
  const ignored = new Set(['.git', ...lines.map((line) => line.replace(/\/$/, '')).filter(Boolean)]);
  const inFolder = (folder: string): string[] =>
    readdirSync(join(projectRoot, folder), { withFileTypes: true })
      .filter(({ name }) => !ignored.has(name))
      .flatMap((entry) => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? inFolder(path) : [path];
      });
  return inFolder('.');
}

/** False for a file that was removed, and git does not know it yet. */
function isFile(path: string): boolean {
  return lstatSync(join(projectRoot, path), { throwIfNoEntry: false })?.isFile() ?? false;
}
