/**
 * What an answer means, by the clock of the one who asked. A request counts by when it was sent and when its answer
 * was there: whatever lies between a revocation and its bound may go either way, and nothing else may.
 */

/** A token and what has become of its key. Times are of `performance.now()`, milliseconds. */
export interface Generation {
  readonly token: string;
  /** When the call that revokes its key was sent; undefined while the key is good. */
  revokeSentAt?: number;
  /** From when on nobody may accept it; undefined until that is known. */
  boundAt?: number;
  /** When the last answer that accepted it came, by name of the service. */
  readonly lastAccepted: Map<string, number>;
}

/** One request and its answer. */
export interface Exchange {
  readonly sentAt: number;
  readonly answeredAt: number;
  /** The status; 0 where no answer came. */
  readonly status: number;
}

/** `undecided` is an acceptance while a revocation is on its way. */
export type Verdict = 'accepted' | 'refused' | 'undecided' | 'wrongly accepted' | 'wrongly refused';

export function newGeneration(token: string): Generation {
  return { token, lastAccepted: new Map() };
}

/** Judges an answer at the moment when it has come. */
export function judge({ sentAt, answeredAt, status }: Exchange, generation: Generation): Verdict {
  const { revokeSentAt = Infinity, boundAt = Infinity } = generation;
  if (status !== 200) return answeredAt < revokeSentAt ? 'wrongly refused' : 'refused';
  if (sentAt > boundAt) return 'wrongly accepted';
  return answeredAt < revokeSentAt ? 'accepted' : 'undecided';
}
