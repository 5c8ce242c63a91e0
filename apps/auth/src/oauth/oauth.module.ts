import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { ClientAuthentication } from './client-authentication.js';
import { ClientCredentials } from './client-credentials.js';
import { SubjectTokens } from './subject-token.js';
import { TokenController } from './token.controller.js';
import { TokenExchange } from './token-exchange.js';

/** Tokens for services: each service is an OAuth client, with a key of its own. */
@Module({
  imports: [SessionsModule, TokensModule],
  controllers: [TokenController],
  providers: [ClientAuthentication, ClientCredentials, SubjectTokens, TokenExchange],
})
export class OAuthModule {}
