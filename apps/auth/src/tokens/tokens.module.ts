import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { KeySetModule } from '../key-set/key-set.module.js';
import { AccessTokenSigner } from './access-token-signer.js';

/** Signs access tokens with the active key. */
@Module({
  imports: [KeySetModule, JwtModule.register({})],
  providers: [AccessTokenSigner],
  exports: [AccessTokenSigner],
})
export class TokensModule {}
