/** Whom an anchor exchange waits for, decided from facts alone. */
import { nameOf } from '../verifiers/acknowledgement.js';
import type { VerifierPins } from '../verifiers/verifier-pins.service.js';

export const NOT_HEARD_YET = 'verifiers not heard of yet';
export const NOBODY_HEARD = 'the operator, since no verifier but auth was heard of';

export interface ExchangeFacts {
  /** kid of the anchor that auth is to go over to. */
  readonly next: string;
  /** auth's own name. Its replicas verify too, but they alone do not prove that other verifiers were heard. */
  readonly self: string;
  /** Everyone heard of within the life of a statement who has not said goodbye. */
  readonly remembered: readonly Pick<VerifierPins, 'service' | 'instance' | 'pins'>[];
  /** Names of those heard of in the last moments that do not pin `next`, by this process's monotonic clock. */
  readonly lackingNow: readonly string[];
  /** Whether NATS is there, and everyone has had the time to be heard. */
  readonly isComplete: boolean;
}

/**
 * Names what the exchange waits for; empty if auth may sign with the next anchor. A verifier that does not pin it would
 * refuse every statement from then on. Where none is heard of they may all be cut off from NATS: only the operator knows.
 */
export function exchangeWaitsFor(facts: ExchangeFacts): string[] {
  const { next, self, remembered, lackingNow, isComplete } = facts;
  const lacking = remembered.filter(({ pins }) => !pins.includes(next)).map(nameOf);
  const names = [...new Set([...lacking, ...lackingNow])].sort();
  if (!isComplete) names.push(NOT_HEARD_YET);
  else if (remembered.every(({ service }) => service === self)) names.push(NOBODY_HEARD);
  return names;
}
