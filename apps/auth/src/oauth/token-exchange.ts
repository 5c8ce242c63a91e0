import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ACCESS_TOKEN_TYPE, securityEvent } from '#service-kit';
import { actorsOf, type AccessTokenClaims } from '#trust';
import { SETTINGS, type AuthSettings } from '../config.js';
import { shareSigning } from '../key-set/signing-lock.js';
import { AccessTokenSigner } from '../tokens/access-token-signer.js';
import type { IssuedToken } from './client-credentials.js';
import { grantedScope, PERMISSIONS, targetOf, type Permission } from './exchange-policy.js';
import { lockClients } from './lock-clients.js';
import { OAuthError } from './oauth-error.js';
import { invalidRequest } from './form-parameters.js';
import { PresentedTokens, TokenRefused } from './presented-token.js';
import type { TokenRequest } from './token-request.js';

/** RFC 8693 §3. Our access tokens are JWTs, so both names are right for one. */
const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt';
/** The most actors of a token that is exchanged again. A longer chain is a loop, or a token that grows for ever. */
const MAX_ACTORS = 4;

/**
 * The grant of RFC 8693: a service that received the token of an account exchanges it for a token for the next service.
 * The new token has the same subject and session, fewer permissions, no roles, and no longer life. `act` names the service
 * that acts for the subject.
 */
@Injectable()
export class TokenExchange {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: PresentedTokens,
    private readonly signer: AccessTokenSigner,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
    @Inject(PERMISSIONS) private readonly permissions: readonly Permission[],
  ) {}

  /**
   * @throws OAuthError `invalid_request` · `invalid_target` · `unauthorized_client` · `invalid_scope` · `invalid_grant` ·
   *   `invalid_client`
   * @throws AuthError `no_signing_key` · `database_went_back`
   */
  async exchange(client: string, request: TokenRequest): Promise<IssuedToken> {
    const subjectToken = subjectTokenOf(request);
    const audience = targetOf(request, this.settings.resources);
    const subject = await this.tokens.verify(subjectToken, { audience: client });
    const sid = sessionOf(subject.claims);
    const { sub, exp, act, scope: heldScope } = subject.claims;
    const held = heldScope?.split(' ') ?? [];
    const scope = grantedScope(this.permissions, {
      caller: client,
      callee: audience,
      held,
      asked: request.scope,
    });
    const { txn } = subject;
    const claims = {
      ...{ sub, aud: audience, client_id: client, scope, sid, txn },
      act: { sub: client, ...(act && { act }) },
    };
    const { token, expiresIn } = await this.dataSource.transaction(async (tx) => {
      const signing = await shareSigning(tx);
      // In one round trip. Under the lock, nobody disables a client or changes a key between these queries.
      const [enabled, key] = await Promise.all([
        lockClients(signing, [client, ...subject.clients]),
        this.signer.activeKey(signing),
        this.tokens.requireUnrevoked(tx, subject),
      ]);
      if (!enabled.has(client)) throw new OAuthError('invalid_client', { message: 'disabled meanwhile' });
      const signed = await this.signer.sign(key, claims, { notAfter: exp });
      // By the clock of the database, without a tolerated skew: otherwise each hop could add some seconds.
      if (signed.expiresIn <= 0) throw new TokenRefused('it has expired');
      return signed;
    });
    securityEvent('token.exchanged', { client, audience, account: sub, session: sid, scope, txn });
    return { accessToken: token, expiresIn, scope };
  }
}

/** The session of a token that may be exchanged. @throws TokenRefused */
function sessionOf(claims: AccessTokenClaims): string {
  if (claims.sid === undefined) throw new TokenRefused('it has no sid');
  if (actorsOf(claims).length >= MAX_ACTORS) throw new TokenRefused('its chain of actors is too long');
  return claims.sid;
}

/** @throws OAuthError `invalid_request` */
function subjectTokenOf(request: TokenRequest): string {
  const { subject_token: token, subject_token_type: type, requested_token_type: requested } = request;
  if (request.actor_token !== undefined || request.actor_token_type !== undefined)
    throw invalidRequest('actor_token is not supported: the client itself is the actor');
  if (token === undefined || type === undefined)
    throw invalidRequest('Send subject_token and subject_token_type');
  if (type !== ACCESS_TOKEN_TYPE && type !== JWT_TYPE)
    throw invalidRequest('subject_token_type must be that of an access token or of a JWT');
  if (requested !== undefined && requested !== ACCESS_TOKEN_TYPE)
    throw invalidRequest('requested_token_type must be that of an access token');
  return token;
}
