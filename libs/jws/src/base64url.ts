import { JwsError } from './jws-error.js';

/**
 * Decodes base64url as RFC 7515 §2 defines it: the URL-safe alphabet, no padding, no white space, and only the one
 * canonical spelling of the bytes. Node's own decoder accepts all other spellings too. With two spellings, somebody
 * could replay a token that is revoked in one spelling.
 *
 * @throws JwsError `malformed`
 */
export function decodeBase64url(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) {
    throw new JwsError('malformed', `${what} is not canonical base64url`);
  }
  return bytes;
}
