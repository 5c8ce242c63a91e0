/** What happens to a token whose kid a verifier does not know: it asks the issuer once more, within bounds. */
import { within } from './shared-runs.js';
import { TrustError } from './trust-error.js';

const MAX_WAIT_MS = 1_500;
const MAX_WAITING = 1_000;

export interface UnknownKidOptions {
  /**
   * Fetches the issuer's present keys. Resolves with whether they are here. The fetch must begin after the call. Several
   * callers may share one fetch. Never rejects.
   */
  readonly refresh: () => Promise<boolean>;
  /** Whether the keys are known to be the present ones. Then nobody is asked. Default: they never are. */
  readonly isCurrent?: () => boolean;
}

/**
 * Makes a function that repeats an attempt after it failed with `unknown_kid` and the issuer was asked.
 *
 * An unknown kid may belong to a new key that has not arrived yet. So a token is refused only if a question that began
 * after the token arrived does not bring the kid: an earlier question may have been answered before the key was published.
 * At most 1,000 attempts wait at the same time, each for at most 1.5 s. If the issuer cannot be asked in time, the error is
 * `trust_stale` (503, try again), never `unknown_kid` (401).
 */
export function createUnknownKidRetry({ refresh, isCurrent = () => false }: UnknownKidOptions) {
  let waiting = 0;

  async function refreshed(): Promise<boolean> {
    if (waiting >= MAX_WAITING) return false;
    waiting += 1;
    try {
      return await within(refresh(), MAX_WAIT_MS, false);
    } finally {
      waiting -= 1;
    }
  }

  return async function retryUnknownKid<T>(attempt: () => T): Promise<T> {
    try {
      return attempt();
    } catch (error) {
      if (!isUnknownKid(error) || isCurrent()) throw error;
    }
    const hasAnswered = await refreshed();
    try {
      return attempt();
    } catch (error) {
      if (!isUnknownKid(error) || hasAnswered) throw error;
      throw new TrustError('trust_stale', 'unknown kid, and the issuer could not be asked', { cause: error });
    }
  };
}

const isUnknownKid = (error: unknown): boolean => error instanceof TrustError && error.code === 'unknown_kid';
