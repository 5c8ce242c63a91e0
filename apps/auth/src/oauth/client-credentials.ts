import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { securityEvent } from '#service-kit';
import { SETTINGS, type AuthSettings } from '../config.js';
import { shareSigning } from '../key-set/signing-lock.js';
import { AccessTokenSigner } from '../tokens/access-token-signer.js';
import { grantedScope, PERMISSIONS, targetOf, type Permission } from './exchange-policy.js';
import { lockClients } from './lock-clients.js';
import { OAuthError } from './oauth-error.js';
import type { TokenRequest } from './token-request.js';

/** What the token endpoint gives. */
export interface IssuedToken {
  readonly accessToken: string;
  /** In seconds. */
  readonly expiresIn: number;
  readonly scope: string;
}

/** The grant `client_credentials` (RFC 6749 §4.4): a token for a client itself, without an account and a session. */
@Injectable()
export class ClientCredentials {
  constructor(
    private readonly dataSource: DataSource,
    private readonly signer: AccessTokenSigner,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
    @Inject(PERMISSIONS) private readonly permissions: readonly Permission[],
  ) {}

  /**
   * @throws OAuthError `invalid_target` · `unauthorized_client` · `invalid_scope` · `invalid_client`
   * @throws AuthError `no_signing_key` · `database_went_back`
   */
  async issue(client: string, request: TokenRequest): Promise<IssuedToken> {
    const audience = targetOf(request, this.settings.resources);
    const scope = grantedScope(this.permissions, {
      caller: client,
      callee: audience,
      held: undefined,
      asked: request.scope,
    });
    const signed = await this.dataSource.transaction(async (tx) => {
      const signing = await shareSigning(tx);
      const [enabled, key] = await Promise.all([
        lockClients(signing, [client]),
        this.signer.activeKey(signing),
      ]);
      if (!enabled.has(client)) throw new OAuthError('invalid_client', { message: 'disabled meanwhile' });
      // RFC 9068 §2.2: without a resource owner, `sub` is the client.
      return this.signer.sign(key, { sub: client, aud: audience, client_id: client, scope });
    });
    securityEvent('client_token.issued', { client, audience, scope });
    return { accessToken: signed.token, expiresIn: signed.expiresIn, scope };
  }
}
