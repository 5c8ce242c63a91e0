import { Module } from '@nestjs/common';
import { Histogram, Registry } from 'prom-client';
import { AccessTokenSigner } from './access-token-signer.js';
import { TokensModule } from './tokens.module.js';

/** Adds the time that a token takes to the application's prom-client `Registry`, which must be injectable. */
@Module({ imports: [TokensModule] })
export class SigningMetricsModule {
  constructor(registry: Registry, signer: AccessTokenSigner) {
    const duration = new Histogram({
      name: 'auth_token_signing_seconds',
      help: 'Time to sign an access token: the signing lock, the row of the key, the epoch, and the signature.',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
      registers: [registry],
    });
    signer.onSigned((seconds) => duration.observe(seconds));
  }
}
