import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { AccessTokenClaims } from '../access-token-claims.js';
import type { AuthenticatorOptions } from '../authenticate.js';
import type { Clock } from '../clock.js';
import type { FeedNats } from '../statement-feed.js';
import type { VerifyOptions } from '../verify-access-token.js';

/** What a service must know to verify tokens: three facts, all public. The rest has defaults. */
export interface TrustModuleOptions extends Pick<
  VerifyOptions,
  'maxLifetimeSeconds' | 'clockSkewSeconds' | 'maxTokenBytes' | 'cacheSize'
> {
  /** Exact value of `iss`. */
  readonly issuer: string;
  /** This service's own name: the exact value of `aud`. */
  readonly audience: string;
  /** Pinned trust anchors (PEM, SPKI) in order of succession. */
  readonly anchors: readonly string[];
  /** Where to fetch the key-set statement; default `issuer`. `none` if this process feeds the ring itself. */
  readonly issuerFetchUrl?: string;
  /** How the ring is brought up to date on an unknown kid; default a fetch. For a process that feeds the ring itself. */
  readonly refresh?: AuthenticatorOptions['refresh'];
  /**
   * Live statements, revocations and acknowledgements. Without it the statement is polled over HTTP: a revoked key is
   * refused within 16 s, other revocations are not heard of, and an unknown kid costs a fetch.
   */
  readonly nats?: FeedNats;
  /**
   * Where the last accepted statement is kept, with what is revoked beside it, for the next start; its folder must be
   * there, and replicas may share it. Without it a restarted process accepts any statement that has not expired.
   */
  readonly statementFile?: string | undefined;
  /** A further check after the token was found good; it refuses by throwing a TrustError. */
  readonly furtherCheck?: (claims: AccessTokenClaims) => Promise<void>;
  readonly clock?: Clock;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN: TRUST_OPTIONS } =
  new ConfigurableModuleBuilder<TrustModuleOptions>().setClassMethodName('forRoot').build();
