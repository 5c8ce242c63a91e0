/** How long a key is remembered, from the request that succeeded. */
export const keptMs = 24 * 60 * 60 * 1000;

/**
 * After this long without an answer, whoever claimed the key is taken for dead. It is longer than a request should
 * take; one that takes longer all the same loses its claim, and with it the right to complete.
 */
export const claimMs = 30 * 1000;

/** What is known of a key that has been seen before. */
export interface KnownKey {
  readonly requestHash: string;
  readonly ageMs: number;
  /** Whether the request that holds the key has succeeded. */
  readonly answered: boolean;
}

/** `claim`: go ahead as if the key were new; `replay`: give the kept answer; the others are refusals. */
export type Decision = 'claim' | 'replay' | 'in_flight' | 'reused';

/** What to do with a request whose key is known (draft-ietf-httpapi-idempotency-key-header section 2.6). */
export function decide({ requestHash, ageMs, answered }: KnownKey, hashOfThis: string): Decision {
  if (ageMs >= (answered ? keptMs : claimMs)) return 'claim';
  if (requestHash !== hashOfThis) return 'reused';
  return answered ? 'replay' : 'in_flight';
}
