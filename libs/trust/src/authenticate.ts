import type { AccessTokenClaims } from './access-token-claims.js';
import { bearerToken, likelyBearerToken, type ReceivedRequest } from './bearer.js';
import type { KeyRing } from './key-ring.js';
import type { DecryptedToken } from './token-decryption.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';
import { createUnknownKidRetry, type UnknownKidOptions } from './unknown-kid.js';
import type { Expectation, VerifyAccessToken } from './verify-access-token.js';

export interface AuthenticatorOptions {
  readonly verify: VerifyAccessToken;
  readonly ring: KeyRing;
  /** Fetches the issuer's present statement into the ring. */
  readonly refresh: UnknownKidOptions['refresh'];
  /**
   * A further check of a good token. It refuses by throwing a TrustError. Any other error means that the check could
   * not be made. Such an error passes through unchanged, because it is not a refusal.
   */
  readonly furtherCheck?: ((claims: AccessTokenClaims) => Promise<void>) | undefined;
}

/** `unconfirmed`: the further check could not be made. */
type Refused = TrustErrorCode | 'unconfirmed';

/**
 * Judges requests: reads the bearer token from the header fields, decrypts it if tokens are encrypted here, and verifies
 * it. A signed token with a known kid never waits.
 *
 * If statements are pushed to this verifier, it refuses an unknown kid at once. Otherwise it asks the issuer first
 * ({@link createUnknownKidRetry}).
 */
export class Authenticator {
  private accepted = 0;
  private readonly refused = new Map<Refused, number>();
  /** Makes an attempt, and makes it again if the issuer had to be asked for the key. */
  readonly retryUnknownKid: ReturnType<typeof createUnknownKidRetry>;

  constructor(private readonly options: AuthenticatorOptions) {
    const { refresh, ring } = options;
    this.retryUnknownKid = createUnknownKidRetry({ refresh, isCurrent: () => ring.isPushed() });
  }

  /**
   * Returns the claims of the request's token, if the token was accepted before and still passes. Synchronous.
   * `undefined` means that {@link authenticate} must judge the request.
   */
  recall(request: ReceivedRequest, expected: Expectation): AccessTokenClaims | undefined {
    if (this.options.furtherCheck) return undefined;
    const token = likelyBearerToken(request);
    const claims = token === undefined ? undefined : this.options.verify.recall(token, expected);
    if (claims !== undefined) this.accepted += 1;
    return claims;
  }

  /**
   * Returns the claims of the token of a request, or of a token that came in another way.
   *
   * @throws TrustError, or what `furtherCheck` threw
   */
  async authenticate(from: ReceivedRequest | string, expected: Expectation): Promise<AccessTokenClaims> {
    try {
      const sent = typeof from === 'string' ? from : bearerToken(from);
      // Nothing is awaited for a token that is only signed.
      const token = this.options.verify.decrypt ? await this.decrypt(sent) : sent;
      let claims = await this.judge(token, expected);
      if (this.options.furtherCheck) {
        await this.options.furtherCheck(claims);
        // The key may have been revoked during the further check.
        claims = this.verify(token, expected);
      }
      this.accepted += 1;
      return claims;
    } catch (error) {
      const code = error instanceof TrustError ? error.code : 'unconfirmed';
      this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
      throw error;
    }
  }

  /** Returns how many requests had each outcome since the start. */
  counts(): Record<string, number> {
    const refused = Object.fromEntries(this.refused);
    return this.accepted === 0 ? refused : { accepted: this.accepted, ...refused };
  }

  private async decrypt(sent: string): Promise<DecryptedToken> {
    try {
      return await this.options.verify.decrypt!(sent);
    } catch (error) {
      throw asRefusal(error);
    }
  }

  /**
   * Verifies a token that is not in the Authorization field. Makes no further check, and counts nothing.
   *
   * @throws TrustError
   */
  judge(token: string | DecryptedToken, expected: Expectation): Promise<AccessTokenClaims> {
    return this.retryUnknownKid(() => this.verify(token, expected));
  }

  private verify(token: string | DecryptedToken, expected: Expectation): AccessTokenClaims {
    try {
      return this.options.verify(token, expected);
    } catch (error) {
      throw asRefusal(error);
    }
  }
}

/** Turns every exception that is not a refusal into `internal`. A fault in our code must not let anybody in. */
function asRefusal(error: unknown): TrustError {
  if (error instanceof TrustError) return error;
  return new TrustError('internal', 'verification failed', { cause: error });
}
