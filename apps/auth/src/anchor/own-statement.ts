/** Reading statements that our own anchor is known to have signed; anyone else's goes through `#statements`. */
import type { KeySetPayload } from '#statements';

/** The kid of the anchor that signed it. */
export function anchorOf(jws: string): string {
  const header = Buffer.from(jws.split('.')[0]!, 'base64url').toString();
  return (JSON.parse(header) as { kid: string }).kid;
}

/** Its keys. */
export function keysOf(jws: string): KeySetPayload['keys'] {
  const payload = Buffer.from(jws.split('.')[1]!, 'base64url').toString();
  return (JSON.parse(payload) as KeySetPayload).keys;
}
