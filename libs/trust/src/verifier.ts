/**
 * A verifier, put together from its parts: the key ring, the feed that keeps it new, the store that keeps it over a
 * restart, and the authenticator that judges requests. The order of its life is load, start, stop.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readAnchor } from '#statements';
import type { AccessTokenClaims } from './access-token-claims.js';
import { Authenticator, type AuthenticatorOptions } from './authenticate.js';
import type { Clock } from './clock.js';
import { KeyRing } from './key-ring.js';
import type { Refusal, TooManyRevocations } from './refusals.js';
import { StatementFeed, type FeedNats } from './statement-feed.js';
import { TrustStore } from './trust-store.js';
import { createVerifyAccessToken, type VerifyOptions } from './verify-access-token.js';

/** What a service must know to verify tokens: three facts, all public. Everything else has a default. */
export interface VerifierOptions extends Pick<
  VerifyOptions,
  'maxLifetimeSeconds' | 'clockSkewSeconds' | 'maxTokenBytes' | 'cacheSize' | 'decryptionKey'
> {
  /** Exact value of `iss`. */
  readonly issuer: string;
  /** This service's own name: the exact value of `aud`. */
  readonly audience: string;
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

/** What a verifier logs: a message for people, or a security event. */
export type TrustMessage = string | Refusal | TooManyRevocations;

/** With more revocations than can be fetched in this time, the service listens and answers 503 until it has them. */
const START_WAIT_MS = 3_000;

export class Verifier {
  readonly ring: KeyRing;
  readonly authenticator: Authenticator;
  private readonly feed: StatementFeed | undefined;
  private readonly store: TrustStore | undefined;

  /**
   * @throws Error if the issuer, the audience or every anchor is missing
   * @throws RangeError if an option is out of bounds
   */
  constructor(options: VerifierOptions, log: (message: TrustMessage) => void) {
    this.ring = createRing(options, log);
    this.store = createStore(options, this.ring, log);
    this.feed = createFeed(options, this.ring, log);
    this.authenticator = createAuthenticator(options, this.ring, this.feed);
  }

  /** To be called before {@link start} and before the first request, so that nothing older is accepted first. */
  async load(): Promise<void> {
    await this.store?.load();
  }

  /**
   * Starts the feed. Waits a short time until all revocations are here, because the service does not listen before: a
   * proxy sends requests to a replica as soon as it listens, and this one would answer 503.
   */
  async start(): Promise<void> {
    this.feed?.start();
    await this.waitUntil(() => this.ring.revocations.fault() !== 'incomplete');
  }

  /** Resolves when `isTrue` returns true, and after 3 s in any case. */
  async waitUntil(isTrue: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + START_WAIT_MS;
    while (!isTrue() && performance.now() < giveUpAt) await delay(10);
  }

  async stop(): Promise<void> {
    await this.feed?.stop();
    await this.store?.stop();
  }
}

type Log = (message: TrustMessage) => void;

function createRing({ issuer, audience, anchors, clock }: VerifierOptions, log: Log): KeyRing {
  // For values that the compiler did not check. Without an audience, a token for any service would be accepted.
  if (!issuer) throw new Error('a verifier needs the issuer');
  if (!audience) throw new Error('a verifier needs the audience: the name of this service');
  const ring = new KeyRing({ issuer, anchors: anchors.map(readAnchor), ...(clock && { clock }) });
  const { revocations } = ring;
  revocations.onTooMany(() => log({ event: 'revocations.too_many', limit: revocations.maxRevocations }));
  return ring;
}

function createStore({ statementFile }: VerifierOptions, ring: KeyRing, log: Log): TrustStore | undefined {
  return statementFile === undefined ? undefined : new TrustStore({ file: statementFile, ring, log });
}

function createFeed(options: VerifierOptions, ring: KeyRing, log: Log): StatementFeed | undefined {
  const { issuer, issuerFetchUrl = issuer, nats, clock } = options;
  if (issuerFetchUrl === 'none') return undefined;
  return new StatementFeed({
    ring,
    fetchUrl: issuerFetchUrl,
    log,
    ...(nats && { nats }),
    ...(clock && { clock }),
  });
}

function createAuthenticator(
  options: VerifierOptions,
  ring: KeyRing,
  feed: StatementFeed | undefined,
): Authenticator {
  const verify = createVerifyAccessToken({ ...options, ring });
  // Without a feed nobody can be asked, so the statement that the ring holds counts as the present one.
  const { furtherCheck, refresh = feed?.fetchNewest ?? (() => Promise.resolve(true)) } = options;
  return new Authenticator({ verify, ring, refresh, furtherCheck });
}
