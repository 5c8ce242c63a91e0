import { createInterface } from 'node:readline/promises';
import { SetupError } from '../system/setup-error.js';

/** Asks a question and returns the answer. An empty answer stands for the usual one. */
export type Ask = (question: string, usual?: string) => Promise<string>;

export const isTerminal = (): boolean => process.stdin.isTTY && process.stdout.isTTY;

/** Asks on the terminal. @throws SetupError `bad_argument` if the terminal is closed before the last answer */
export async function askOnTerminal<T>(questions: (ask: Ask) => Promise<T>): Promise<T> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  terminal.once('close', () => closed.abort(new SetupError('bad_argument', '\nNothing was written.')));
  const ask: Ask = async (question, usual = '') => {
    const answer = terminal.question(`${question}${usual && ` [${usual}]`}: `, { signal: closed.signal });
    return (await answer.catch(() => closed.signal.throwIfAborted() as never)).trim() || usual;
  };
  try {
    return await questions(ask);
  } finally {
    terminal.close();
  }
}
