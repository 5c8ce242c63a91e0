import { TrustError } from './trust-error.js';

const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * The token of the one `Authorization: Bearer` field (RFC 6750 §2.1). It takes the header fields as they came
 * (name, value, name, value, …): Node's parsed `headers` silently drop a second Authorization, and the proxy in
 * front may have judged the one that was dropped.
 *
 * @throws TrustError `missing_token` · `repeated_authorization` · `malformed`
 */
export function bearerToken(rawHeaders: readonly string[]): string {
  const fields: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === 'authorization') fields.push(rawHeaders[i + 1]!);
  }
  const [field] = fields;
  if (fields.length > 1) throw new TrustError('repeated_authorization', 'more than one Authorization field');
  if (field === undefined || !/^Bearer( |$)/i.test(field))
    throw new TrustError('missing_token', 'no bearer token');
  const token = BEARER.exec(field)?.[1];
  if (token === undefined) throw new TrustError('malformed', 'not a token after Bearer');
  return token;
}
