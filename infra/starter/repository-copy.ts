/** A copy of the repository, in which specs run the generators. It has its own build, and our packages. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { projectRoot } from '../project.js';

/** Folders and files of this clone that are not part of the repository. `dist` is copied, so that less must be built. */
const notCopied = ['node_modules', '.git', '.signet', 'coverage', '.preparing'];
/** What is in a copy and not part of the repository. */
const generatedFolders = ['dist', 'dist.last', 'node_modules', '.git'];
const timeoutMs = 600_000;

export class RepositoryCopy {
  readonly root = mkdtempSync(join(tmpdir(), 'test-starter-'));

  constructor() {
    cpSync(projectRoot, this.root, {
      recursive: true,
      filter: (path) => !notCopied.includes(basename(path)),
    });
    symlinkSync(join(projectRoot, 'node_modules'), join(this.root, 'node_modules'));
  }

  /** Runs a program of the copy with Node. Jest sets variables that must not reach it. */
  run(...args: string[]): SpawnSyncReturns<string> {
    return this.spawn(process.execPath, args);
  }

  /** Makes the copy a git repository, if it is none, and commits everything. */
  commit(): void {
    const author = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
    this.git('init', '--quiet');
    this.git('add', '--all');
    this.git(...author, 'commit', '--quiet', '--allow-empty', '--message', 'a state');
  }

  /** Takes back everything that was committed after the first commit. */
  backToFirstCommit(): void {
    const first = this.git('rev-list', '--max-parents=0', 'HEAD').trim();
    this.git('reset', '--quiet', '--hard', first);
    this.git('clean', '--quiet', '--force', '-d');
  }

  /** The hash of each file of the repository, by its path. */
  digest(): Record<string, string> {
    const own = readdirSync(this.root).filter((name) => !generatedFolders.includes(name));
    const paths = own.flatMap((name) => {
      const isFile = statSync(join(this.root, name)).isFile();
      return isFile ? [name] : this.filesOf(name).map((path) => join(name, path));
    });
    const hash = (path: string) => createHash('sha256').update(readFileSync(join(this.root, path)));
    return Object.fromEntries(paths.map((path) => [path, hash(path).digest('base64')]));
  }

  /** The paths of all files below a folder, relative to it. */
  filesOf(folder: string): string[] {
    const names = readdirSync(join(this.root, folder), { recursive: true, encoding: 'utf8' });
    return names.filter((path) => statSync(join(this.root, folder, path)).isFile()).sort();
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  private git(...args: string[]): string {
    const { status, stdout, stderr } = this.spawn('git', args);
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  private spawn(program: string, args: string[]): SpawnSyncReturns<string> {
    const inherited = Object.entries(process.env).filter(([key]) => !/^(NODE_|JEST_|TEST_)/.test(key));
    return spawnSync(program, args, {
      cwd: this.root,
      encoding: 'utf8',
      timeout: timeoutMs,
      env: Object.fromEntries(inherited),
    });
  }
}
