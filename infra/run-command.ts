/** What the programs of npm scripts share. */
import { resolve } from 'node:path';
import { isDatabaseUnavailable } from '../libs/service-kit/src/database-errors.js';
import { SetupError } from './system/setup-error.js';

/** Runs a command and sets the exit code. A fault of the machine or of the input is shown as one line. */
export async function runCommand(main: () => Promise<number | void>): Promise<void> {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(shown(error));
    process.exitCode = 1;
  }
}

/**
 * Reads the arguments of a command. With `--help` it prints the usage, and ends the process.
 *
 * @throws SetupError `bad_argument`, with the usage
 */
export function readArguments<T>(usage: string, read: () => T): T {
  if (process.argv.includes('--help')) {
    console.log(`Usage: ${usage}`);
    process.exit(0);
  }
  try {
    return read();
  } catch (cause) {
    const space = usage.includes('\n') ? '\n' : ' ';
    throw new SetupError('bad_argument', `${(cause as Error).message}.${space}Usage: ${usage}`, { cause });
  }
}

/** The absolute path of a folder that the user named. npm runs a script in the repository, and says where the user is. */
export function pathFromUser(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? '', path);
}

function shown(error: unknown): unknown {
  if (error instanceof SetupError) return error.message;
  return isDatabaseUnavailable(error) ? `The database cannot be reached: ${(error as Error).message}` : error;
}
