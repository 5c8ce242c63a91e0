/** Reads statements whose signature auth has already verified. Any other statement goes through `#statements`. */
import type { KeySetPayload } from '#statements';

/** The kid of the anchor that signed the statement. */
export function anchorOf(jws: string): string {
  const header = Buffer.from(jws.split('.')[0]!, 'base64url').toString();
  return (JSON.parse(header) as { kid: string }).kid;
}

/** The keys of the statement. */
export function keysOf(jws: string): KeySetPayload['keys'] {
  const payload = Buffer.from(jws.split('.')[1]!, 'base64url').toString();
  return (JSON.parse(payload) as KeySetPayload).keys;
}
