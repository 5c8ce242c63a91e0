import {
  Global,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Authenticator } from '../authenticate.js';
import { KeyRing } from '../key-ring.js';
import { Verifier, type TrustMessage } from '../verifier.js';
import { BearerStrategy } from './bearer.strategy.js';
import { TokenGuard } from './token.guard.js';
import { ConfigurableModuleClass, TRUST_OPTIONS, type TrustModuleOptions } from './trust-options.js';
import { TrustController } from './trust.controller.js';

export type { TrustModuleOptions } from './trust-options.js';

/**
 * Closes every route of an application to callers without a good access token:
 * `TrustModule.forRoot({ issuer, audience, anchors })`. It feeds the key ring and serves `GET /trust`.
 */
@Global()
@Module({
  controllers: [TrustController],
  providers: [
    { provide: Verifier, useFactory: createVerifier, inject: [TRUST_OPTIONS] },
    { provide: KeyRing, useFactory: ({ ring }: Verifier) => ring, inject: [Verifier] },
    {
      provide: Authenticator,
      useFactory: ({ authenticator }: Verifier) => authenticator,
      inject: [Verifier],
    },
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
  constructor(private readonly verifier: Verifier) {
    super();
  }

  /** Every module has been made, and no module has been started. */
  async onModuleInit(): Promise<void> {
    await this.verifier.load();
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.verifier.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.verifier.stop();
  }
}

function createVerifier(options: TrustModuleOptions): Verifier {
  const logger = new Logger('trust');
  const isRoutine = (message: TrustMessage) => typeof message === 'object' && 'channel' in message;
  return new Verifier(options, (message) =>
    isRoutine(message) ? logger.log(message) : logger.warn(message),
  );
}
