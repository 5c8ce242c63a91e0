import { Controller, Header, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  ACCESS_TOKEN_TYPE,
  CLIENT_CREDENTIALS,
  openApiSchema,
  TOKEN_EXCHANGE,
  TOKEN_PATH,
  type Form,
} from '#service-kit';
import { Public } from '#trust/nest';
import { ClientAuthentication } from './client-authentication.js';
import { ClientCredentials, type IssuedToken } from './client-credentials.js';
import { invalidRequest } from './form-parameters.js';
import { ApiOAuthErrors, OAuthError } from './oauth-error.js';
import { TokenExchange } from './token-exchange.js';
import { readTokenRequest, tokenRequest } from './token-request.js';

export const grantTypes = [CLIENT_CREDENTIALS, TOKEN_EXCHANGE];

/** RFC 6749 §5.1, RFC 8693 §2.2.1. */
const tokenAnswer = z.strictObject({
  access_token: z.string().describe('A JWT (RFC 9068)'),
  issued_token_type: z.literal(ACCESS_TOKEN_TYPE).optional().describe('After an exchange'),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('Seconds'),
  scope: z.string(),
});

/** The token endpoint (RFC 6749 §3.2). It is for services: accounts log in at `POST /auth/login`. */
@Public()
@ApiTags('oauth')
@Controller()
export class TokenController {
  constructor(
    private readonly clients: ClientAuthentication,
    private readonly clientCredentials: ClientCredentials,
    private readonly tokenExchange: TokenExchange,
  ) {}

  @Post(TOKEN_PATH)
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Header('Pragma', 'no-cache')
  @ApiOperation({
    summary:
      'Get a token to call another service: for the client itself, or in exchange for the token of an account',
  })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ schema: openApiSchema(tokenRequest) })
  @ApiOkResponse({ standardSchema: tokenAnswer })
  @ApiOAuthErrors(
    ...(['invalid_request', 'invalid_client', 'invalid_grant', 'invalid_scope', 'invalid_target'] as const),
    ...(['unauthorized_client', 'unsupported_grant_type'] as const),
  )
  async token(@Req() { body, headers }: FastifyRequest) {
    const request = readTokenRequest(body as Form | undefined);
    const client = await this.clients.authenticate(request, headers);
    switch (request.grant_type) {
      case undefined:
        throw invalidRequest('Send grant_type');
      case CLIENT_CREDENTIALS:
        return answer(await this.clientCredentials.issue(client, request));
      case TOKEN_EXCHANGE:
        return {
          ...answer(await this.tokenExchange.exchange(client, request)),
          issued_token_type: ACCESS_TOKEN_TYPE,
        };
      default:
        throw new OAuthError('unsupported_grant_type');
    }
  }
}

function answer({ accessToken, expiresIn, scope }: IssuedToken) {
  return { access_token: accessToken, token_type: 'Bearer', expires_in: expiresIn, scope };
}
