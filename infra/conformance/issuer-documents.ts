/** Fetches what an issuer publishes. It asks the named issuer only, and follows no redirect. */
import { printable } from '../printable.js';
import { SetupError } from '../system/setup-error.js';
import type { IssuerOptions } from './arguments.js';

const MAX_BYTES = 1024 * 1024;

/** An answer of the issuer. `json` is undefined if the body is no JSON. */
export interface IssuerDocument {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly json: unknown;
}

/** The metadata and the key set of an issuer. `jwks` is undefined if the metadata name none. */
export interface IssuerDocuments {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly jwksUri: string | undefined;
  readonly jwks: IssuerDocument | undefined;
}

/** @throws SetupError `not_ready` · `bad_argument`, with what to do */
export async function fetchIssuer(options: IssuerOptions): Promise<IssuerDocuments> {
  const metadata = await fetchMetadata(options);
  const named = metadata['jwks_uri'];
  const jwksUri = options.jwksUri ?? (typeof named === 'string' ? named : undefined);
  if (jwksUri === undefined) return { metadata, jwksUri, jwks: undefined };
  if (options.jwksUri === undefined) refuseOtherOrigin(jwksUri, options.issuer);
  return { metadata, jwksUri, jwks: await fetchDocument(jwksUri, options.timeoutMs) };
}

/** @throws SetupError `not_ready` if the address cannot be reached, or the answer is too long */
export async function fetchDocument(url: string, timeoutMs: number): Promise<IssuerDocument> {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
    const { status, headers } = response;
    return {
      status,
      contentType: headers.get('content-type') ?? undefined,
      cacheControl: headers.get('cache-control') ?? undefined,
      json: parsed(await readBounded(response)),
    };
  } catch (cause) {
    const { message, cause: reason } = cause as Error;
    const why = reason instanceof Error ? reason.message : message;
    throw new SetupError('not_ready', `${url} cannot be read: ${why}`, { cause });
  }
}

/** The metadata stand behind the issuer (OpenID Connect), or between host and path (RFC 8414 §3.1). */
async function fetchMetadata({ issuer, timeoutMs }: IssuerOptions): Promise<Record<string, unknown>> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/+$/, '');
  const urls = [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
  const answers: string[] = [];
  for (const url of urls) {
    const { status, json } = await fetchDocument(url, timeoutMs);
    if (status === 200 && isObject(json)) return json;
    answers.push(`${url} (${status === 200 ? 'no JSON object' : status})`);
  }
  throw new SetupError('not_ready', `The issuer has no metadata at ${answers.join(' or ')}`);
}

/** Only the person who runs the command decides which addresses get requests. */
function refuseOtherOrigin(jwksUri: string, issuer: string): void {
  if (URL.canParse(jwksUri) && new URL(jwksUri).origin === new URL(issuer).origin) return;
  const message = `The metadata name a key set at another address: ${printable(jwksUri)} . If you want to ask there, name it with --jwks-uri. If the issuer has another name than ${issuer}, name that one.`;
  throw new SetupError('bad_argument', message);
}

async function readBounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the answer is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
