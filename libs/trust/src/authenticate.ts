import type { AccessTokenClaims } from './access-token-claims.js';
import { bearerToken, type ReceivedRequest } from './bearer.js';
import { systemClock, type Clock } from './clock.js';
import type { KeyRing } from './key-ring.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';
import type { Expectation, VerifyAccessToken } from './verify-access-token.js';

const REFRESH_WAIT_MS = 500;
const REFRESH_INTERVAL_MS = 1_000;

export interface AuthenticatorOptions {
  readonly verify: VerifyAccessToken;
  readonly ring: KeyRing;
  /** Asks the issuer for its statement; shared, never rejects. */
  readonly refresh: () => Promise<void>;
  /**
   * A further check of a token that was found good; it refuses by throwing a TrustError. Whatever else it throws is
   * passed on as it is: not to be able to check is not to have found fault.
   */
  readonly confirm?: ((claims: AccessTokenClaims) => Promise<void>) | undefined;
  readonly clock?: Clock;
}

/** `unconfirmed`: the further check could not be made. */
type Outcome = TrustErrorCode | 'accepted' | 'unconfirmed';

/**
 * Judges requests: takes the bearer token out of the header fields and verifies it, and where an unknown kid may
 * just be news that has not arrived, waits for it once. On a confirmed ring an unknown kid is refused without a
 * fetch, so a flood of random kids costs nothing; otherwise one refresh a second is shared by all, and waited
 * for at most 500 ms.
 */
export class Authenticator {
  private readonly outcomes = new Map<Outcome, number>();
  private readonly clock: Clock;
  private refreshing: { readonly startedAt: number; readonly done: Promise<void> } | undefined;

  constructor(private readonly options: AuthenticatorOptions) {
    this.clock = options.clock ?? systemClock;
  }

  /** @throws TrustError, or what `confirm` threw */
  async authenticate(request: ReceivedRequest, expected: Expectation): Promise<AccessTokenClaims> {
    try {
      const token = bearerToken(request);
      let claims = await this.judge(token, expected);
      if (this.options.confirm) {
        await this.options.confirm(claims);
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
    const { ring } = this.options;
    try {
      return this.verify(token, expected);
    } catch (error) {
      const mayBeNews = error instanceof TrustError && error.code === 'unknown_kid';
      if (!mayBeNews || ring.freshness() === 'confirmed') throw error;
    }
    await this.refreshed();
    try {
      return this.verify(token, expected);
    } catch (error) {
      if (!(error instanceof TrustError) || error.code !== 'unknown_kid' || ring.freshness() === 'confirmed')
        throw error;
      throw new TrustError('trust_stale', 'unknown kid, and the issuer cannot be asked', { cause: error });
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

  private async refreshed(): Promise<void> {
    const now = this.clock();
    if (!this.refreshing || now - this.refreshing.startedAt >= REFRESH_INTERVAL_MS) {
      this.refreshing = { startedAt: now, done: this.options.refresh() };
    }
    await Promise.race([
      this.refreshing.done,
      new Promise((resolve) => setTimeout(resolve, REFRESH_WAIT_MS).unref()),
    ]);
  }

  private count(outcome: Outcome): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}
