import { TrustError } from './trust-error.js';

const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
const AUTHORIZATION = 'authorization';
/** Node's own limit, for a server that sets none. */
const DEFAULT_MAX_HEADERS_COUNT = 1_000;

/** The part of a `node:http` request that holds the header fields as they arrived: name, value, name, value, … */
export interface ReceivedRequest {
  readonly rawHeaders: readonly string[];
  /** Its `server`, which the types of Node do not have, has the limit of header fields. */
  readonly socket?: object;
}

/**
 * Returns the token of the one `Authorization: Bearer` field (RFC 6750 §2.1). It reads the header fields as they
 * arrived, because Node's parsed `headers` silently drop a second Authorization field. The proxy in front may have
 * judged the field that Node drops. Node also drops every field beyond `maxHeadersCount`, in all its forms. A request
 * that may have lost fields in this way is refused.
 *
 * @throws TrustError `too_many_fields` · `missing_token` · `repeated_authorization` · `malformed`
 */
export function bearerToken(request: ReceivedRequest): string {
  if (mayBeCut(request)) throw new TrustError('too_many_fields', 'header fields may have been dropped');
  const { rawHeaders } = request;
  const at = findAuthorization(rawHeaders, 0);
  if (at >= 0 && findAuthorization(rawHeaders, at + 2) >= 0)
    throw new TrustError('repeated_authorization', 'more than one Authorization field');
  const field = at < 0 ? undefined : rawHeaders[at + 1]!;
  if (field === undefined || !/^Bearer( |$)/i.test(field))
    throw new TrustError('missing_token', 'no bearer token');
  const token = BEARER.exec(field)?.[1];
  if (token === undefined) throw new TrustError('malformed', 'what follows Bearer is not a token');
  return token;
}

/**
 * Returns the text after `Bearer `, if the request has exactly one Authorization field, and it begins so. The text is not
 * checked: it only serves to find a token that {@link bearerToken} returned before. `undefined` means that only
 * `bearerToken` can judge the request.
 */
export function likelyBearerToken(request: ReceivedRequest): string | undefined {
  const { rawHeaders } = request;
  const at = findAuthorization(rawHeaders, 0);
  if (at < 0 || findAuthorization(rawHeaders, at + 2) >= 0 || mayBeCut(request)) return undefined;
  const field = rawHeaders[at + 1]!;
  return field.startsWith('Bearer ') ? field.slice('Bearer '.length) : undefined;
}

/** Returns the index of the name of the first Authorization field from this index on, or -1. */
function findAuthorization(rawHeaders: readonly string[], from: number): number {
  for (let i = from; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length === AUTHORIZATION.length && name.toLowerCase() === AUTHORIZATION) return i;
  }
  return -1;
}

/** Whether Node may have dropped fields: it keeps this many at most, and as many arrived. */
function mayBeCut({ rawHeaders, socket }: ReceivedRequest): boolean {
  const { server } = (socket ?? {}) as { server?: { maxHeadersCount?: number | null } };
  const limit = server?.maxHeadersCount ?? DEFAULT_MAX_HEADERS_COUNT;
  // For Node, 0 means no limit.
  return limit > 0 && rawHeaders.length >= limit * 2;
}
