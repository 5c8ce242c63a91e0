/**
 * Verifying access tokens with public keys only. Nothing here knows NestJS; `#trust/nest` puts it behind a guard.
 */
export type { AccessTokenClaims, Actor } from './access-token-claims.js';
export { Authenticator, type AuthenticatorOptions } from './authenticate.js';
export { bearerToken, type ReceivedRequest } from './bearer.js';
export { numericDate, systemClock, type Clock } from './clock.js';
export {
  KeyRing,
  type Channel,
  type Freshness,
  type KeyRingFacts,
  type KeyRingOptions,
  type RefusalReason,
} from './key-ring.js';
export { onlyChanges } from './only-changes.js';
export type { Refusal, TrustEvent } from './refusals.js';
export { RevocationView, type RevocationRange, type RevocationViewOptions } from './revocations.js';
export { shareRuns, within, type SharedRuns } from './shared-runs.js';
export { StatementFeed, type FeedNats, type StatementFeedOptions } from './statement-feed.js';
export { TrustStore, type TrustStoreOptions } from './trust-store.js';
export { TrustError, type TrustErrorCode } from './trust-error.js';
export {
  ACCESS_TOKEN_TYPES,
  createVerifyAccessToken,
  type Expectation,
  type VerifyAccessToken,
  type VerifyOptions,
} from './verify-access-token.js';
