/** Examines one issuer: its metadata, its key set, and how the key set changes. */
import type { IssuerOptions } from './arguments.js';
import { fetchDocument, fetchIssuer, isObject } from './issuer-documents.js';
import { judgeIssuer } from './issuer-rules.js';
import type { Measurement } from './measure.js';
import type { Result } from './verdict.js';
import { watchKeys } from './watch-keys.js';

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
  return { results, measurements: await watchKeys(kids, options.watchMs) };
}

/** @throws Error if this is no key set */
function kidsIn(json: unknown): string[] {
  const keys = isObject(json) ? json['keys'] : undefined;
  if (!Array.isArray(keys)) throw new Error('no key set');
  return keys.filter(isObject).flatMap(({ kid }) => (typeof kid === 'string' ? [kid] : []));
}
