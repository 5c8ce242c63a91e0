/** What the package of the verifier exports as its main module. Nothing here uses a framework. */
export { accountSince, type AccessTokenClaims, type Actor } from './access-token-claims.js';
export {
  openTrust,
  type RefusalAnswer,
  type Requirement,
  type Trust,
  type TrustFacts,
  type TrustOptions,
  type Verdict,
} from './open-trust.js';
export type { RevokedSubject } from '#statements';
export type { KeyHeader, KeySource } from './adapters/key-source.js';
export type { Freshness } from './key-ring.js';
export { severalIssuers, type SeveralIssuers } from './several-issuers.js';
export type { FeedNats } from './statement-feed.js';
export { TrustError, type TrustErrorCode } from './trust-error.js';
export type { KeySetFacts, TrustEvents } from './trust-events.js';
export type { TrustMessage } from './verifier.js';
