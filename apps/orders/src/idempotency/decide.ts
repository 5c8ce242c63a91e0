/** How long a key is remembered after the request that succeeded, in ms. */
export const keptMs = 24 * 60 * 60 * 1000;

/**
 * How long a claim lasts, in ms. It is longer than a request normally takes. After it, the next request with the key
 * gets the claim, and the first request can no longer complete.
 */
export const claimMs = 30 * 1000;

/** What the database knows about a key. */
export interface KnownKey {
  readonly requestHash: string;
  readonly ageMs: number;
  /** Whether a request with this key has succeeded. */
  readonly answered: boolean;
}

/** `claim`: continue as with a new key. `replay`: return the stored answer. The others refuse the request. */
export type Decision = 'claim' | 'replay' | 'in_flight' | 'reused';

/** Decides about a request with a known key (draft-ietf-httpapi-idempotency-key-header section 2.6). */
export function decide({ requestHash, ageMs, answered }: KnownKey, hashOfThis: string): Decision {
  if (ageMs >= (answered ? keptMs : claimMs)) return 'claim';
  if (requestHash !== hashOfThis) return 'reused';
  return answered ? 'replay' : 'in_flight';
}
