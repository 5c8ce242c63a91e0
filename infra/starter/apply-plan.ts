/** What the generators have in common: they describe what they will do, and do all of it or nothing. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { developingFolder, sourceFingerprint } from '../build-stamp.mjs';
import { holderOf, tryClaim } from '../claims.mjs';
import { formatted } from '../formatted.js';
import { generatedPaths } from '../generate/generated-paths.js';
import { projectRoot } from '../project.js';
import { SetupError } from '../system/setup-error.js';
import { writeAllOrNothing } from './all-or-nothing.js';

const buildTimeoutMs = 600_000;
/** What this process has loaded. It may wait for answers on a terminal, and another command may change the sources. */
const sourcesAtStart = sourceFingerprint(projectRoot);

/** Files by their path from the root folder. */
export interface Plan {
  /** The text of each new file; the bytes of a picture. */
  readonly created: Readonly<Record<string, string | Buffer>>;
  /** The new text of each file that exists. */
  readonly changed: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
}

export interface ApplyOptions {
  /** Only says what would be done. */
  readonly dryRun: boolean;
  /** Accepts changes that are not committed. */
  readonly force: boolean;
}

/**
 * Writes the files of a plan, builds, and renews the generated files. Prints each file.
 * @returns false if it was only described
 * @throws SetupError `already_running` beside `npm run dev` or another generator · `bad_argument` if the tree has changes · `child_failed`
 */
export async function applyPlan(plan: Plan, { dryRun, force }: ApplyOptions): Promise<boolean> {
  if (dryRun) {
    console.log(`${describePlan(plan, generatedPaths)}\nNothing was written.`);
    return false;
  }
  requireNobodyDevelops();
  claimTheGenerators();
  requireSameSources();
  if (!force) requireCleanTree();
  const before = generatedPaths.map(textOf);
  const removed = Object.fromEntries(plan.removed.map((path) => [path, null]));
  await writeAllOrNothing({
    root: projectRoot,
    files: { ...removed, ...plan.created, ...plan.changed },
    alsoWritten: generatedPaths,
    finish: generate,
  });
  const renewed = generatedPaths.filter((path, n) => textOf(path) !== before[n]);
  console.log(describePlan(plan, renewed));
  return true;
}

/** The same files in the form that prettier gives them. */
export async function allFormatted(files: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const entries = Object.entries(files).map(
    async ([path, text]) => [path, await formatted(path, text)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** `npm run dev` alone writes into `dist/`, and the generated files come from there. */
function requireNobodyDevelops(): void {
  const pid = holderOf(join(projectRoot, developingFolder));
  if (pid === undefined) return;
  throw new SetupError(
    'already_running',
    `\`npm run dev\` runs here (process ${pid}). Stop it first: this command needs a build of its own.`,
  );
}

/** The plan was made from the sources as they were. */
function requireSameSources(): void {
  if (sourceFingerprint(projectRoot) !== sourcesAtStart)
    throw new SetupError('already_running', 'The sources have changed since this command began. Repeat it.');
}

/** Until this process ends. Two plans that were made from the same files would undo each other. */
function claimTheGenerators(): void {
  const claim = tryClaim(join(projectRoot, '.generating'));
  if (typeof claim === 'number')
    throw new SetupError(
      'already_running',
      `Another generator runs here (process ${claim}). Wait for it, then repeat.`,
    );
  process.on('exit', claim);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(join(projectRoot, path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** With a clean tree, `git diff` shows what the generator did. Outside of a git repository there is nothing to compare. */
function requireCleanTree(): void {
  const { status, signal, stdout } = spawnSync('git', ['status', '--porcelain', '--', '.'], {
    cwd: projectRoot,
    encoding: 'utf8',
    timeout: 30_000,
  });
  // A signal ends git if it takes too long, or lists too many files.
  if (signal !== null || (status === 0 && stdout !== ''))
    throw new SetupError(
      'bad_argument',
      'There are changes that are not committed. Commit them first, so that `git diff` shows what is generated. If a generator was killed: `git restore .` and `git clean -d --force apps` remove what it left. Or use --force.',
    );
}

/** Builds, then writes the generated files. A process of its own, because this one runs the old build. */
async function generate(signal: AbortSignal): Promise<void> {
  const args = ['infra/bootstrap.mjs', 'run', 'dist/infra/generate/generate.js'];
  const child = spawn(process.execPath, args, {
    cwd: projectRoot,
    stdio: 'inherit',
    timeout: buildTimeoutMs,
    signal,
  });
  const code = await new Promise<number | null>((done) => {
    // After an abort the process gets a signal, and `exit` follows.
    child.on('error', () => child.pid === undefined && done(null));
    child.on('exit', done);
  });
  if (code !== 0)
    throw new SetupError(
      'child_failed',
      'The generated files could not be written. Everything is as it was before.',
    );
}

function describePlan({ created, changed, removed }: Plan, renewed: readonly string[]): string {
  const lines = (verb: string, paths: readonly string[]) => paths.map((path) => `${verb}  ${path}`);
  return [
    ...lines('new     ', Object.keys(created)),
    ...lines('changed ', Object.keys(changed)),
    ...lines('removed ', removed),
    ...lines('renewed ', renewed),
  ].join('\n');
}
