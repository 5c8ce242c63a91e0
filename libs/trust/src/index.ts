/** Verifies access tokens with public keys only. Nothing here uses NestJS; `#trust/nest` makes a guard of it. */
export {
  accountSince,
  accountSinceClaim,
  actorsOf,
  type AccessTokenClaims,
  type Actor,
} from './access-token-claims.js';
export { numericDate } from './clock.js';
export { ENCRYPTION, readEncryptionKey, type EncryptionKey } from './encryption-key.js';
export { KeyRing, type KeyRingFacts } from './key-ring.js';
export { onlyChanges } from './only-changes.js';
export type { TrustEvent } from './refusals.js';
export type { RevocationRange } from './revocations.js';
export { openTrust } from './open-trust.js';
export { shareRuns, within } from './shared-runs.js';
export { inSlices, SLICE } from './slices.js';
export { StatementFeed } from './statement-feed.js';
export { TrustError, type TrustErrorCode } from './trust-error.js';
export { createVerifyAccessToken, MAX_CLOCK_SKEW_SECONDS } from './verify-access-token.js';
