import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { AccessTokenClaims } from '../access-token-claims.js';
import type { AuthenticatorOptions } from '../authenticate.js';
import type { Clock } from '../clock.js';
import type { FeedNats } from '../statement-feed.js';
import type { VerifyOptions } from '../verify-access-token.js';

/** What a service must know to verify tokens: three facts, all public. Everything else has a default. */
export interface TrustModuleOptions extends Pick<
  VerifyOptions,
  'maxLifetimeSeconds' | 'clockSkewSeconds' | 'maxTokenBytes' | 'cacheSize' | 'decryptionKey'
> {
  /** Exact value of `iss`. */
  readonly issuer: string;
  /** This service's own name: the exact value of `aud`. */
  readonly audience: string;
  /**
   * The base URL of this service, as clients see it. Then each challenge says where its metadata are (RFC 9728 §5.1). The
   * application serves them.
   */
  readonly resourceUrl?: string;
  /** Pinned trust anchors (PEM, SPKI) in order of succession. */
  readonly anchors: readonly string[];
  /** Where to fetch the key-set statement. Default: `issuer`. `none` if this process feeds the ring itself. */
  readonly issuerFetchUrl?: string;
  /** Updates the ring when a kid is unknown. Default: a fetch over HTTP. For a process that feeds the ring itself. */
  readonly refresh?: AuthenticatorOptions['refresh'];
  /**
   * Receives statements and revocations live, and sends acknowledgements. Without it, the statement is polled over
   * HTTP: a revoked key is refused within 16 s, no other revocation arrives, and an unknown kid costs a fetch.
   */
  readonly nats?: FeedNats;
  /**
   * The file that keeps the last accepted statement for the next start, with what is revoked in files beside it. Its
   * folder must exist, and replicas may share it. Without it, a restarted process accepts any statement that has not
   * expired.
   */
  readonly statementFile?: string | undefined;
  /** A further check of a good token. It refuses by throwing a TrustError. */
  readonly furtherCheck?: (claims: AccessTokenClaims) => Promise<void>;
  readonly clock?: Clock;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN: TRUST_OPTIONS } =
  new ConfigurableModuleBuilder<TrustModuleOptions>().setClassMethodName('forRoot').build();
