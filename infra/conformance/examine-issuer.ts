/** Examines one issuer: its metadata, its key set, and how the key set changes. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { IssuerOptions } from './arguments.js';
import { fetchDocument, fetchIssuer, isObject } from './issuer-documents.js';
import { judgeIssuer } from './issuer-rules.js';
import type { Measurement } from './measure.js';
import { tokenIn, TokenWatch, type SeenToken } from './token-watch.js';
import type { Result } from './verdict.js';
import { watchKeys } from './watch-keys.js';

const run = promisify(execFile);
/** A token every five seconds. Each is a login at the issuer. */
const POLLS_PER_TOKEN = 5;
const MAX_OUTPUT = 64 * 1024;

export interface IssuerReport {
  readonly results: readonly Result[];
  readonly measurements: readonly Measurement[];
}

/** @throws SetupError `not_ready` · `bad_argument`, with what to do */
export async function examineIssuer(
  options: IssuerOptions,
  print: (line: string) => void,
): Promise<IssuerReport> {
  const documents = await fetchIssuer(options);
  const results = judgeIssuer(options.issuer, documents);
  const { jwksUri } = documents;
  if (options.watchMs === 0 || jwksUri === undefined) return { results, measurements: [] };
  print(`Watching ${jwksUri} for ${options.watchMs / 1_000} s …`);
  const kids = async () => kidsIn((await fetchDocument(jwksUri, options.timeoutMs)).json);
  const { tokenCommand, watchMs, timeoutMs } = options;
  if (tokenCommand === undefined) return { results, measurements: await watchKeys(kids, watchMs) };
  const tokens = new TokenWatch();
  const onPoll = everyNth(POLLS_PER_TOKEN, async (published: readonly string[]) => {
    const fetchedAt = Date.now() / 1000;
    tokens.note(published, await tokenOf(tokenCommand, timeoutMs), fetchedAt);
  });
  const measurements = await watchKeys(kids, watchMs, { onPoll });
  return { results: [...results, ...tokens.rows()], measurements };
}

/** The first call, and then each nth. */
function everyNth<T>(n: number, run: (value: T) => Promise<void>): (value: T) => Promise<void> {
  let calls = 0;
  return async (value) => {
    if (calls++ % n === 0) await run(value);
  };
}

/** Runs a command of the user, and reads the token that it prints. Undefined if it fails or takes too long. */
async function tokenOf(command: string, timeoutMs: number): Promise<SeenToken | undefined> {
  try {
    const { stdout } = await run('sh', ['-c', command], { timeout: timeoutMs, maxBuffer: MAX_OUTPUT });
    return tokenIn(stdout);
  } catch {
    return undefined;
  }
}

/** @throws Error if this is no key set */
function kidsIn(json: unknown): string[] {
  const keys = isObject(json) ? json['keys'] : undefined;
  if (!Array.isArray(keys)) throw new Error('no key set');
  return keys.filter(isObject).flatMap(({ kid }) => (typeof kid === 'string' ? [kid] : []));
}
