import type { AccessTokenClaims } from './access-token-claims.js';
import { bearerToken } from './bearer.js';
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
  readonly clock?: Clock;
}

/**
 * Judges requests: takes the bearer token out of the header fields and verifies it, and where an unknown kid may
 * just be news that has not arrived, waits for it once. On a confirmed ring an unknown kid is refused without a
 * fetch, so a flood of random kids costs nothing; otherwise one refresh a second is shared by all, and waited
 * for at most 500 ms.
 */
export class Authenticator {
  private readonly outcomes = new Map<TrustErrorCode | 'accepted', number>();
  private readonly clock: Clock;
  private refreshing: { readonly startedAt: number; readonly done: Promise<void> } | undefined;

  constructor(private readonly options: AuthenticatorOptions) {
    this.clock = options.clock ?? systemClock;
  }

  /** @throws TrustError */
  async authenticate(rawHeaders: readonly string[], expected: Expectation): Promise<AccessTokenClaims> {
    try {
      const claims = await this.judge(bearerToken(rawHeaders), expected);
      this.count('accepted');
      return claims;
    } catch (error) {
      const refusal =
        error instanceof TrustError
          ? error
          : new TrustError('internal', 'verification failed', { cause: error });
      this.count(refusal.code);
      throw refusal;
    }
  }

  /** How many requests ended how, since the start. */
  counts(): Record<string, number> {
    return Object.fromEntries(this.outcomes);
  }

  private async judge(token: string, expected: Expectation): Promise<AccessTokenClaims> {
    const { verify, ring } = this.options;
    try {
      return verify(token, expected);
    } catch (error) {
      const mayBeNews = error instanceof TrustError && error.code === 'unknown_kid';
      if (!mayBeNews || ring.freshness() === 'confirmed') throw error;
    }
    await this.refreshed();
    try {
      return verify(token, expected);
    } catch (error) {
      if (!(error instanceof TrustError) || error.code !== 'unknown_kid' || ring.freshness() === 'confirmed')
        throw error;
      throw new TrustError('trust_stale', 'unknown kid, and the issuer cannot be asked', { cause: error });
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

  private count(outcome: TrustErrorCode | 'accepted'): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}
