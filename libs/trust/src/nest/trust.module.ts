import { setTimeout as delay } from 'node:timers/promises';
import {
  Global,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { readAnchor } from '#statements';
import { Authenticator } from '../authenticate.js';
import { KeyRing } from '../key-ring.js';
import type { Refusal, TrustEvent } from '../refusals.js';
import { StatementFeed } from '../statement-feed.js';
import { TrustStore } from '../trust-store.js';
import { createVerifyAccessToken } from '../verify-access-token.js';
import { BearerStrategy } from './bearer.strategy.js';
import { TokenGuard } from './token.guard.js';
import { ConfigurableModuleClass, TRUST_OPTIONS, type TrustModuleOptions } from './trust-options.js';
import { TrustController } from './trust.controller.js';

export type { TrustModuleOptions } from './trust-options.js';

/** With more revocations than can be fetched in this time, the service listens and answers 503 until it has them. */
const START_WAIT_MS = 3_000;

const FEED = Symbol('statement-feed');
const STORE = Symbol('trust-store');

/**
 * Closes every route of an application to callers without a good access token:
 * `TrustModule.forRoot({ issuer, audience, anchors })`. It feeds the key ring and serves `GET /trust`.
 */
@Global()
@Module({
  controllers: [TrustController],
  providers: [
    { provide: KeyRing, useFactory: createRing, inject: [TRUST_OPTIONS] },
    { provide: STORE, useFactory: createStore, inject: [TRUST_OPTIONS, KeyRing] },
    { provide: FEED, useFactory: createFeed, inject: [TRUST_OPTIONS, KeyRing] },
    { provide: Authenticator, useFactory: createAuthenticator, inject: [TRUST_OPTIONS, KeyRing, FEED] },
    BearerStrategy,
    TokenGuard,
    { provide: APP_GUARD, useExisting: TokenGuard },
  ],
  exports: [KeyRing, Authenticator, TokenGuard],
})
export class TrustModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown
{
  constructor(
    @Inject(FEED) private readonly feed: StatementFeed | null,
    @Inject(STORE) private readonly store: TrustStore | null,
    private readonly ring: KeyRing,
  ) {
    super();
  }

  /** Loads before the feed begins and before the first request, so that nothing older is accepted first. */
  async onModuleInit(): Promise<void> {
    await this.store?.load();
  }

  /**
   * Starts the feed. Waits a short time until all revocations are here, because the service does not listen before: a
   * proxy sends requests to a replica as soon as it listens, and this one would answer 503.
   */
  async onApplicationBootstrap(): Promise<void> {
    this.feed?.start();
    const giveUpAt = performance.now() + START_WAIT_MS;
    while (this.ring.revocations.fault() === 'incomplete' && performance.now() < giveUpAt) await delay(10);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.feed?.stop();
    await this.store?.stop();
  }
}

function createRing({ issuer, audience, anchors, clock }: TrustModuleOptions): KeyRing {
  // For values that the compiler did not check. Without an audience, a token for any service would be accepted.
  if (!issuer) throw new Error('TrustModule needs the issuer');
  if (!audience) throw new Error('TrustModule needs the audience: the name of this service');
  const ring = new KeyRing({ issuer, anchors: anchors.map(readAnchor), ...(clock && { clock }) });
  const { revocations } = ring;
  const event: TrustEvent = 'revocations.too_many';
  revocations.onTooMany(() => new Logger('trust').warn({ event, limit: revocations.maxRevocations }));
  return ring;
}

function createStore({ statementFile }: TrustModuleOptions, ring: KeyRing): TrustStore | null {
  if (statementFile === undefined) return null;
  const logger = new Logger('trust');
  return new TrustStore({ file: statementFile, ring, log: (message) => logger.warn(message) });
}

function createFeed(options: TrustModuleOptions, ring: KeyRing): StatementFeed | null {
  const { issuer, issuerFetchUrl = issuer, nats, clock } = options;
  if (issuerFetchUrl === 'none') return null;
  const logger = new Logger('trust');
  const log = (message: string | Refusal) =>
    typeof message === 'string' ? logger.warn(message) : logger.log(message);
  return new StatementFeed({
    ring,
    fetchUrl: issuerFetchUrl,
    log,
    ...(nats && { nats }),
    ...(clock && { clock }),
  });
}

function createAuthenticator(
  options: TrustModuleOptions,
  ring: KeyRing,
  feed: StatementFeed | null,
): Authenticator {
  const verify = createVerifyAccessToken({ ...options, ring });
  // Without a feed nobody can be asked, so the statement that the ring holds counts as the present one.
  const { furtherCheck, refresh = feed?.fetchNewest ?? (() => Promise.resolve(true)) } = options;
  return new Authenticator({ verify, ring, refresh, furtherCheck });
}
