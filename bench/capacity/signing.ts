/** How long auth took to sign tokens, by its own histogram. */

const NAME = 'auth_token_signing_seconds';

/** The number of tokens that took at most so many seconds, by this bound; the last bound is Infinity. */
export type SigningTimes = ReadonlyMap<number, number>;

export async function readSigningTimes(authUrl: string): Promise<SigningTimes> {
  const response = await fetch(`${authUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  const bucket = new RegExp(`^${NAME}_bucket{le="([^"]+)"} (\\d+)$`, 'gm');
  return new Map([...text.matchAll(bucket)].map(([, le, count]) => [boundOf(le!), Number(count)]));
}

/** The least bound, in ms, within which this share of the tokens between the two readings was signed. */
export function signedWithin(share: number, before: SigningTimes, after: SigningTimes): number {
  const between = [...after].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const);
  const total = Math.max(...between.map(([, count]) => count));
  return between.find(([, count]) => count >= share * total)![0] * 1000;
}

const boundOf = (le: string): number => (le === '+Inf' ? Infinity : Number(le));
