import { createHash } from 'node:crypto';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { algorithmNames } from '#jws';
import { TOKEN_PATH } from '#service-kit';
import { JWKS_PATH, KEYSET_MEDIA_TYPE, KEYSET_PATH } from '#statements';
import { Public } from '#trust/nest';
import { SETTINGS, type AuthSettings } from '../config.js';
import { ApiProblems, AuthError } from '../errors.js';
import { NewestStatement, type IssuedStatement } from '../key-set/newest-statement.js';
import { SCOPE_TABLE, scopesOf, type ScopeTable } from '../accounts/scopes.js';
import { exchangedScopes, PERMISSIONS, type Permission } from '../oauth/exchange-policy.js';
import { INTROSPECTION_PATH, REVOCATION_PATH } from '../oauth/endpoints.js';
import { grantTypes } from '../oauth/token.controller.js';
import { CurrentStatement } from './current-statement.js';
import { jwks, metadata } from './well-known.schemas.js';

/**
 * What the issuer publishes about itself. Before each answer with keys it asks the database. If the database is away,
 * it answers from memory, and the field `Age` says how old this knowledge is (RFC 9111 §5.1).
 */
@Public()
@ApiTags('well-known')
@Controller()
export class WellKnownController {
  constructor(
    private readonly newest: NewestStatement,
    private readonly currentStatement: CurrentStatement,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
    @Inject(SCOPE_TABLE) private readonly scopes: ScopeTable,
    @Inject(PERMISSIONS) private readonly permissions: readonly Permission[],
  ) {}

  @Get(KEYSET_PATH)
  @ApiOperation({ summary: 'Get the last key-set statement, signed by the trust anchor' })
  @ApiOkResponse({ content: { [KEYSET_MEDIA_TYPE]: { schema: { type: 'string' } } } })
  @ApiProblems('no_signing_key')
  async keyset(@Res() reply: FastifyReply): Promise<void> {
    const { jws } = await this.statement(reply);
    void reply.type(KEYSET_MEDIA_TYPE).header('Cache-Control', 'no-store').send(jws);
  }

  @Get(JWKS_PATH)
  @ApiOperation({ summary: 'Get the public keys as a plain JWK set (RFC 7517), for third parties' })
  @ApiProduces('application/jwk-set+json')
  @ApiOkResponse({ standardSchema: jwks })
  @ApiResponse({ status: 304, description: 'Not changed' })
  @ApiProblems('no_signing_key')
  async jwks(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    // Keys and members are sorted, so that the entity tag changes only when the keys change.
    const { keys: published } = await this.statement(reply);
    const keys = published
      .map(({ status: _status, verify_until: _until, ...jwk }) => inOrder(jwk))
      .sort((a, b) => (a.kid < b.kid ? -1 : 1));
    const body = JSON.stringify({ keys });
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    void reply
      .header('Cache-Control', `public, max-age=${this.settings.jwksMaxAgeSeconds}`)
      .header('ETag', etag);
    if (names(request.headers['if-none-match'], etag)) void reply.status(304).send();
    else void reply.type('application/jwk-set+json').send(body);
  }

  @Get(['.well-known/oauth-authorization-server', '.well-known/openid-configuration'])
  @ApiOperation({ summary: 'Get the authorization server metadata (RFC 8414)' })
  @ApiOkResponse({ standardSchema: metadata })
  metadata() {
    const { issuer } = this.settings;
    return {
      issuer,
      jwks_uri: `${issuer}${JWKS_PATH}`,
      signed_jwks_uri: `${issuer}${KEYSET_PATH}`,
      ...clientEndpoint('token', `${issuer}${TOKEN_PATH}`),
      ...clientEndpoint('introspection', `${issuer}${INTROSPECTION_PATH}`),
      ...clientEndpoint('revocation', `${issuer}${REVOCATION_PATH}`),
      grant_types_supported: grantTypes,
      scopes_supported: [...scopesOf(this.scopes), ...exchangedScopes(this.permissions)],
      // There is no authorization endpoint, but RFC 8414 requires this member.
      response_types_supported: [],
      access_token_signing_alg_values_supported: algorithmNames,
      service_documentation: `${issuer}/docs`,
    };
  }

  private async statement(reply: FastifyReply): Promise<IssuedStatement> {
    const isCompared = await this.currentStatement.compareWithDatabase();
    if (!isCompared) reply.header('Age', Math.ceil(this.currentStatement.ageSeconds()));
    const { current } = this.newest;
    if (!current)
      throw new AuthError('no_signing_key', {
        message: 'no statement has been issued yet',
        retryAfterSeconds: 1,
      });
    return current;
  }
}

/** An endpoint to which clients authenticate (RFC 8414 §2). */
function clientEndpoint(name: string, url: string) {
  return {
    [`${name}_endpoint`]: url,
    [`${name}_endpoint_auth_methods_supported`]: ['private_key_jwt'],
    [`${name}_endpoint_auth_signing_alg_values_supported`]: algorithmNames,
  };
}

/** Whether `If-None-Match` names the entity tag. A weak tag counts: caches that compress make it weak (RFC 9110 §13.1.2). */
function names(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags !== undefined && (tags.includes(etag) || tags.includes('*'));
}

function inOrder<T extends object>(jwk: T): T {
  return Object.fromEntries(Object.entries(jwk).sort(([a], [b]) => (a < b ? -1 : 1))) as T;
}
