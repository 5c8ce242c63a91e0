import { Module } from '@nestjs/common';
import { KeySetModule } from '../key-set/key-set.module.js';
import { RevocationsModule } from '../revocations/revocations.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { ClientAdminController } from './client-admin.controller.js';
import { ClientAuthentication } from './client-authentication.js';
import { ClientCredentials } from './client-credentials.js';
import { ClientKeysService } from './client-keys.service.js';
import { ClientStatusService } from './client-status.service.js';
import { Introspection } from './introspection.js';
import { PresentedTokenController } from './presented-token.controller.js';
import { PresentedTokens } from './presented-token.js';
import { TokenController } from './token.controller.js';
import { TokenExchange } from './token-exchange.js';
import { TokenRevocation } from './token-revocation.js';

/** Each service is an OAuth client with a key of its own. It gets tokens here, asks whether one is good, and revokes its own. */
@Module({
  imports: [KeySetModule, RevocationsModule, SessionsModule, TokensModule],
  controllers: [TokenController, PresentedTokenController, ClientAdminController],
  providers: [
    ClientAuthentication,
    ClientCredentials,
    ClientKeysService,
    ClientStatusService,
    PresentedTokens,
    TokenExchange,
    Introspection,
    TokenRevocation,
  ],
})
export class OAuthModule {}
