/** Writes and reads archives with `tar`. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { SetupError } from '../system/setup-error.js';

/** What an archive gets from a folder. */
interface Part {
  readonly folder: string;
  readonly names: readonly string[];
}

/** `without` is a pattern of tar. The signal ends tar. */
interface Options {
  readonly without: string;
  readonly signal: AbortSignal;
}

const run = promisify(execFile);
const archiveTimeoutMs = 1_800_000;

/** Writes an archive that only this user can read. @throws SetupError `child_failed` */
export async function pack(
  archive: string,
  parts: readonly Part[],
  { without, signal }: Options,
): Promise<void> {
  writeFileSync(archive, '', { mode: 0o600 }); // tar keeps the mode
  const content = parts.flatMap(({ folder, names }) => ['-C', folder, ...names]);
  await tar(['-czf', archive, `--exclude=${without}`, ...content], signal);
}

/** Unpacks into a new folder. What is there can be anything, also links and devices. @throws SetupError `child_failed` */
export async function unpack(archive: string, folder: string, { without, signal }: Options): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await tar(['-xzf', archive, `--exclude=${without}`, '--no-same-owner', '-C', folder], signal);
}

async function tar(args: readonly string[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const running = run('tar', args, { timeout: archiveTimeoutMs });
  const end = () => running.child.kill();
  signal.addEventListener('abort', end);
  try {
    await running;
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    const reason = (stderr?.trim() || message).split('\n')[0];
    throw new SetupError('child_failed', `tar failed: ${reason}. Nothing has changed.`, { cause });
  } finally {
    signal.removeEventListener('abort', end);
    signal.throwIfAborted();
  }
}
