/** Decides what an anchor exchange waits for. It is a pure function. */
import { nameOf } from '../verifiers/acknowledgement.js';
import type { VerifierPins } from '../verifiers/verifier-pins.service.js';

/** What a rotation or an exchange waits for while the list of verifiers is not complete. */
export const NOT_HEARD_YET = 'verifiers not heard of yet';
/** What an exchange waits for if only auth itself has acknowledged. */
export const NOBODY_HEARD = 'the operator, since no verifier but auth was heard of';

export interface ExchangeFacts {
  /** The kid of the next anchor. */
  readonly next: string;
  /** auth's own name. Its replicas are verifiers, too. But they do not prove that acknowledgements of others arrive. */
  readonly self: string;
  /** The verifiers that acknowledged within the life of a statement and have not said goodbye. */
  readonly remembered: readonly Pick<VerifierPins, 'service' | 'instance' | 'pins'>[];
  /** Names of the counted verifiers that do not pin `next`. */
  readonly lackingNow: readonly string[];
  /** Whether the list of verifiers is complete. */
  readonly isComplete: boolean;
}

/**
 * Names what the exchange waits for. The list is empty if auth may sign with the next anchor. A verifier that does not
 * pin it would refuse every later statement. If auth has heard of no verifier, all of them may be cut off from NATS.
 * Only the operator can know, so the exchange waits for the operator.
 */
export function exchangeWaitsFor(facts: ExchangeFacts): string[] {
  const { next, self, remembered, lackingNow, isComplete } = facts;
  const lacking = remembered.filter(({ pins }) => !pins.includes(next)).map(nameOf);
  const names = [...new Set([...lacking, ...lackingNow])].sort();
  if (!isComplete) names.push(NOT_HEARD_YET);
  else if (remembered.every(({ service }) => service === self)) names.push(NOBODY_HEARD);
  return names;
}
