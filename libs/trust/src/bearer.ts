import { TrustError } from './trust-error.js';

const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
const AUTHORIZATION = 'authorization';
/** What Node takes where a server says nothing. */
const DEFAULT_MAX_HEADERS_COUNT = 1_000;

/** As much of a `node:http` request as holds the header fields as they came: name, value, name, value, … */
export interface ReceivedRequest {
  readonly rawHeaders: readonly string[];
  readonly socket?: { readonly server?: { readonly maxHeadersCount?: number | null } };
}

/**
 * The token of the one `Authorization: Bearer` field (RFC 6750 §2.1). It takes the header fields as they came: Node's
 * parsed `headers` silently drop a second Authorization, and the proxy in front may have judged the one that was
 * dropped. Node also drops, from all its forms, every field beyond `maxHeadersCount`; where it may have done so, the
 * request is refused.
 *
 * @throws TrustError `too_many_fields` · `missing_token` · `repeated_authorization` · `malformed`
 */
export function bearerToken(request: ReceivedRequest): string {
  if (mayBeCut(request)) throw new TrustError('too_many_fields', 'header fields may have been dropped');
  const fields = authorizationFields(request);
  const [field] = fields;
  if (fields.length > 1) throw new TrustError('repeated_authorization', 'more than one Authorization field');
  if (field === undefined || !/^Bearer( |$)/i.test(field))
    throw new TrustError('missing_token', 'no bearer token');
  const token = BEARER.exec(field)?.[1];
  if (token === undefined) throw new TrustError('malformed', 'what follows Bearer is not a token');
  return token;
}

/**
 * The text after `Bearer ` where {@link bearerToken} may find a token: enough to look for a token that it gave before.
 * `undefined` where only `bearerToken` can say what the request carries.
 */
export function likelyBearerToken(request: ReceivedRequest): string | undefined {
  const fields = authorizationFields(request);
  const [field] = fields;
  if (fields.length !== 1 || !field!.startsWith('Bearer ') || mayBeCut(request)) return undefined;
  return field!.slice('Bearer '.length);
}

function authorizationFields({ rawHeaders }: ReceivedRequest): string[] {
  const fields: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length === AUTHORIZATION.length && name.toLowerCase() === AUTHORIZATION)
      fields.push(rawHeaders[i + 1]!);
  }
  return fields;
}

/** Whether as many fields came as Node takes at most: then there may have been more. */
function mayBeCut({ rawHeaders, socket }: ReceivedRequest): boolean {
  const limit = socket?.server?.maxHeadersCount ?? DEFAULT_MAX_HEADERS_COUNT;
  // 0 is Node's word for no limit.
  return limit > 0 && rawHeaders.length >= limit * 2;
}
