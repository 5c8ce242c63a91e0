import type { AccessTokenClaims } from './access-token-claims.js';
import { bearerToken, likelyBearerToken, type ReceivedRequest } from './bearer.js';
import type { KeyRing } from './key-ring.js';
import { within } from './shared-runs.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';
import type { Expectation, VerifyAccessToken } from './verify-access-token.js';

const MAX_WAIT_MS = 1_500;
const MAX_WAITING = 1_000;

export interface AuthenticatorOptions {
  readonly verify: VerifyAccessToken;
  readonly ring: KeyRing;
  /**
   * Brings the ring up to the issuer's present statement, and resolves with whether it could. It must look after it was
   * called; callers may share a look. Never rejects.
   */
  readonly refresh: () => Promise<boolean>;
  /**
   * A further check of a token that was found good; it refuses by throwing a TrustError. Other errors pass through
   * unchanged: a check that could not be made is not a refusal.
   */
  readonly furtherCheck?: ((claims: AccessTokenClaims) => Promise<void>) | undefined;
}

/** `unconfirmed`: the further check could not be made. */
type Outcome = TrustErrorCode | 'accepted' | 'unconfirmed';

/**
 * Judges requests: takes the bearer token out of the header fields and verifies it. A known kid waits for nothing.
 *
 * An unknown kid may be that of a key so new that this verifier has not heard of it. It is refused at once only where
 * news is pushed. Otherwise it is refused only after the issuer was asked, later than the request arrived: a question
 * that was under way before may have been answered before the key was published. Such requests wait for at most
 * 1.5 s, and at most 1,000 at a time. If that does not settle it, the answer is `trust_stale` (503, try again), never 401.
 */
export class Authenticator {
  private readonly outcomes = new Map<Outcome, number>();
  private waiting = 0;

  constructor(private readonly options: AuthenticatorOptions) {}

  /**
   * The claims of the request's token, if it was accepted before and still passes: at once, without a promise.
   * `undefined` where {@link authenticate} must judge.
   */
  recall(request: ReceivedRequest, expected: Expectation): AccessTokenClaims | undefined {
    if (this.options.furtherCheck) return undefined;
    const token = likelyBearerToken(request);
    const claims = token === undefined ? undefined : this.options.verify.recall(token, expected);
    if (claims) this.count('accepted');
    return claims;
  }

  /** @throws TrustError, or what `furtherCheck` threw */
  async authenticate(request: ReceivedRequest, expected: Expectation): Promise<AccessTokenClaims> {
    try {
      const token = bearerToken(request);
      let claims = await this.judge(token, expected);
      if (this.options.furtherCheck) {
        await this.options.furtherCheck(claims);
        // The key may have been revoked meanwhile.
        claims = this.verify(token, expected);
      }
      this.count('accepted');
      return claims;
    } catch (error) {
      this.count(error instanceof TrustError ? error.code : 'unconfirmed');
      throw error;
    }
  }

  /** How many requests ended how, since the start. */
  counts(): Record<string, number> {
    return Object.fromEntries(this.outcomes);
  }

  private async judge(token: string, expected: Expectation): Promise<AccessTokenClaims> {
    try {
      return this.verify(token, expected);
    } catch (error) {
      if (!isUnknownKid(error) || this.options.ring.isPushed()) throw error;
    }
    const isCurrent = await this.refreshed();
    try {
      return this.verify(token, expected);
    } catch (error) {
      if (!isUnknownKid(error) || isCurrent) throw error;
      throw new TrustError('trust_stale', 'unknown kid, and the issuer could not be asked', { cause: error });
    }
  }

  /** Any exception that is no refusal is a fault of ours, and still no reason to let anybody in. */
  private verify(token: string, expected: Expectation): AccessTokenClaims {
    try {
      return this.options.verify(token, expected);
    } catch (error) {
      if (error instanceof TrustError) throw error;
      throw new TrustError('internal', 'verification failed', { cause: error });
    }
  }

  /** Whether the ring holds the issuer's present statement, as of later than the call. */
  private async refreshed(): Promise<boolean> {
    if (this.waiting >= MAX_WAITING) return false;
    this.waiting += 1;
    try {
      return await within(this.options.refresh(), MAX_WAIT_MS, false);
    } finally {
      this.waiting -= 1;
    }
  }

  private count(outcome: Outcome): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}

const isUnknownKid = (error: unknown): boolean => error instanceof TrustError && error.code === 'unknown_kid';
