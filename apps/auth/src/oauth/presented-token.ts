/**
 * Judges an access token that a client presents at an endpoint of OAuth. It must be good now, by its signature and also by
 * the database: a verifier learns of a revocation a moment later, and auth need not wait for that.
 */
import { Injectable } from '@nestjs/common';
import { decodeProtectedHeader } from 'jose';
import type { EntityManager } from 'typeorm';
import { ServiceError } from '#service-kit';
import { publishedStatuses } from '#statements';
import { actorsOf, TrustError, type AccessTokenClaims } from '#trust';
import { Authenticator } from '#trust/nest';
import { SessionsService } from '../sessions/sessions.service.js';
import { OAuthError } from './oauth-error.js';

/** A token whose signature, claims and session are good. */
export interface PresentedToken {
  readonly kid: string;
  readonly claims: AccessTokenClaims;
  /** The first token's jti. */
  readonly txn: string;
  /** Every client through whose hands it went, once: the one that it was made for, then each actor. */
  readonly clients: readonly string[];
}

/** The token is not good now. For a token to exchange, this is `invalid_grant`. The message is for the log only. */
export class TokenRefused extends OAuthError {
  constructor(reason: string, cause?: unknown) {
    super('invalid_grant', { message: `the token is refused: ${reason}`, cause });
  }
}

@Injectable()
export class PresentedTokens {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly sessions: SessionsService,
  ) {}

  /**
   * Verifies a token, and looks up its session and account. A token without a session must be that of a client for itself.
   * `audience` is the one that it must have; undefined accepts any.
   *
   * @throws TokenRefused · ServiceError `database_unavailable` if auth does not know its own keys now
   */
  async verify(token: string, { audience }: { audience: string | undefined }): Promise<PresentedToken> {
    const claims = await refusing(async () => {
      const verified = await this.authenticator.judge(token, { audience });
      if (verified.sid !== undefined) await this.sessions.confirm(verified);
      return verified;
    });
    const { sid, sub, jti, txn = jti, client_id: client } = claims;
    // RFC 9068 §2.2: the subject of a token without a resource owner is the client.
    if (sid === undefined && sub !== client) throw new TokenRefused('it has no session');
    const { kid } = decodeProtectedHeader(token) as { kid: string };
    return { kid, claims, txn, clients: [...new Set([client, ...actorsOf(claims)])] };
  }

  /**
   * Checks in the database that nothing about the token is revoked, and none of its clients is disabled.
   *
   * @throws TokenRefused
   */
  async requireUnrevoked(
    manager: EntityManager,
    { kid, claims: { jti, sid }, txn, clients }: PresentedToken,
  ): Promise<void> {
    const [found] = await manager.query<{ isKeyGood: boolean; areEnabled: boolean; isRevoked: boolean }[]>(
      `SELECT EXISTS (SELECT FROM signing_key WHERE kid = $1 AND status = ANY($2)) AS "isKeyGood",
              (SELECT count(*) FROM client WHERE id = ANY($5) AND disabled_at IS NULL) = cardinality($5::text[])
                AS "areEnabled",
              EXISTS (SELECT FROM revocation WHERE (kind = 'jti' AND value = ANY($3))
                         OR (kind = 'sid' AND value = $4) OR (kind = 'client_id' AND value = ANY($5))) AS "isRevoked"`,
      [kid, publishedStatuses, [jti, txn], sid ?? null, clients],
    );
    if (!found!.areEnabled) throw new TokenRefused('one of its clients is disabled');
    if (!found!.isKeyGood) throw new TokenRefused('its key is revoked or retired');
    if (found!.isRevoked) throw new TokenRefused('it is revoked');
  }
}

async function refusing<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof TrustError) || error.code === 'internal') throw error;
    if (error.code === 'trust_stale')
      throw new ServiceError('database_unavailable', { cause: error, retryAfterSeconds: 1 });
    throw new TokenRefused(error.code, error);
  }
}
