import { Controller, Header, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { openApiSchema, type Form } from '#service-kit';
import { Public } from '#trust/nest';
import { ClientAuthentication } from './client-authentication.js';
import { INTROSPECTION_PATH, REVOCATION_PATH } from './endpoints.js';
import { clientParameterNames, clientParameters, invalidRequest, readParameters } from './form-parameters.js';
import { Introspection, introspectionAnswer } from './introspection.js';
import { ApiOAuthErrors } from './oauth-error.js';
import { TokenRevocation } from './token-revocation.js';

/** RFC 7662 §2.1 and RFC 7009 §2.1, for the documentation. */
const presentedToken = z.object({
  token: z.string(),
  token_type_hint: z.string().optional().describe('Ignored: auth finds the type by itself'),
  ...clientParameters,
});

/** The endpoints to which a client presents a token: it asks whether the token is good, or gives it back. */
@Public()
@ApiTags('oauth')
@Controller()
export class PresentedTokenController {
  constructor(
    private readonly clients: ClientAuthentication,
    private readonly introspection: Introspection,
    private readonly revocation: TokenRevocation,
  ) {}

  @Post(INTROSPECTION_PATH)
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Ask whether a token is good now, for the client that it is for or was issued to (RFC 7662)',
  })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ schema: openApiSchema(presentedToken) })
  @ApiOkResponse({ standardSchema: introspectionAnswer })
  @ApiOAuthErrors('invalid_request', 'invalid_client')
  async introspect(@Req() request: FastifyRequest) {
    const { token, client } = await this.read(request);
    return this.introspection.introspect(token, client);
  }

  @Post(REVOCATION_PATH)
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Revoke an access token, for the client that it was issued to (RFC 7009)' })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ schema: openApiSchema(presentedToken) })
  @ApiOkResponse({ description: 'The token is not good any more, or never was' })
  @ApiOAuthErrors('invalid_request', 'invalid_client', 'invalid_grant', 'unsupported_token_type')
  async revoke(@Req() request: FastifyRequest): Promise<void> {
    const { token, client } = await this.read(request);
    await this.revocation.revoke(token, client);
  }

  /** Reads the token, after the client has authenticated. @throws OAuthError `invalid_request` · `invalid_client` */
  private async read({ body, headers }: FastifyRequest): Promise<{ token: string; client: string }> {
    const parameters = readParameters(body as Form | undefined, [...clientParameterNames, 'token']);
    const client = await this.clients.authenticate(parameters, headers);
    if (parameters.token === undefined) throw invalidRequest('Send token');
    return { token: parameters.token, client };
  }
}
