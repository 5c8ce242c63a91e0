import { createInterface } from 'node:readline/promises';
import { SetupError } from '../system/setup-error.js';

/** Asks a question. An empty answer is the usual one, if there is one. */
export type Ask = (question: string, usual?: string) => Promise<string>;

/**
 * Asks a person for what is missing.
 * @throws SetupError `bad_argument` with the text `missing` without a terminal, or if the person ends the input
 */
export async function askPerson<T>(missing: string, dialogue: (ask: Ask) => Promise<T>): Promise<T> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) throw new SetupError('bad_argument', missing);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  terminal.once('close', () => closed.abort(new SetupError('bad_argument', '\nNothing was written.')));
  try {
    return await dialogue(async (question, usual = '') => {
      const answer = terminal.question(`${question}${usual && ` [${usual}]`}: `, { signal: closed.signal });
      return (await answer.catch(() => closed.signal.throwIfAborted() as never)).trim() || usual;
    });
  } finally {
    terminal.close();
  }
}
