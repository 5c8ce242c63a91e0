import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { securityEvent } from '#service-kit';
import { AuthError } from '../errors.js';
import { RevocationsService } from '../revocations/revocations.service.js';
import { hashesOf } from '../sessions/refresh-token.js';
import { OAuthError } from './oauth-error.js';
import { PresentedTokens, TokenRefused } from './presented-token.js';

/**
 * The most revocations of single tokens at a time. A verifier holds 250,000 revocations and then judges no token. Without
 * this bound the thief of one client key could fill it.
 */
const MAX_REVOKED_TOKENS = 10_000;

/** Any number is good if nothing else in this database uses it as the first key of an advisory lock. */
const REVOKING = 7009;

/** Revokes an access token for the client that it was issued to (RFC 7009). */
@Injectable()
export class TokenRevocation {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: PresentedTokens,
    private readonly revocations: RevocationsService,
  ) {}

  /**
   * Revokes the token by its `jti`, and resolves when the revocation is published, after 1 s at most. A token that is not
   * good has no effect (RFC 7009 §2.2). So a repeated request makes no second revocation.
   *
   * @throws OAuthError `unsupported_token_type` for a refresh token: it belongs to a browser, and a logout ends it ·
   *   `invalid_grant` for a good token of another client: RFC 6749 §5.2 has this code for that
   * @throws ServiceError `database_unavailable` · AuthError `too_many_revocations` · `database_went_back`
   */
  async revoke(text: string, caller: string): Promise<void> {
    if (hashesOf(text)) throw new OAuthError('unsupported_token_type');
    try {
      await this.revokeGood(text, caller);
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
    }
  }

  /** @throws TokenRefused for a token that is not good · the errors of {@link revoke} */
  private async revokeGood(text: string, caller: string): Promise<void> {
    const token = await this.tokens.verify(text, { audience: undefined });
    // A token that is not good has no effect, whoever presents it.
    await this.tokens.requireUnrevoked(this.dataSource.manager, token);
    const { client_id: client, aud: audience, jti, sid } = token.claims;
    if (client !== caller) throw issuedToAnother();
    await this.revocations.transaction(async (tx, revoke) => {
      await lockToken(tx, jti);
      await this.tokens.requireUnrevoked(tx, token);
      await requireRoom(tx);
      await revoke([{ kind: 'jti', value: jti }]);
    });
    securityEvent('token.revoked', { client, audience, session: sid ?? null, jti });
  }
}

/** Waits until no other request revokes this token. Another token with the same hash waits, too, which does no harm. */
async function lockToken(tx: EntityManager, jti: string): Promise<void> {
  // A lock with two keys is never the same as one with a single key.
  await tx.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [REVOKING, jti]);
}

function issuedToAnother(): OAuthError {
  const message = 'The token was issued to another client';
  return new OAuthError('invalid_grant', { message, errors: [{ field: 'token', message }] });
}

/** RFC 7009 §2.2.1: after a 503 the client tries again later. @throws AuthError `too_many_revocations` */
async function requireRoom(tx: EntityManager): Promise<void> {
  const last = await tx.query<object[]>(`SELECT FROM revocation WHERE kind = 'jti' OFFSET $1 LIMIT 1`, [
    MAX_REVOKED_TOKENS - 1,
  ]);
  if (last.length > 0) throw new AuthError('too_many_revocations', { retryAfterSeconds: 60 });
}
