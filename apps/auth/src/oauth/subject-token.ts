/**
 * Judges the token that a client wants to exchange. It must be good for this client now, by its signature and also by the
 * database: a verifier learns of a revocation a moment later, and it tolerates a clock that is wrong. auth need not.
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

/** The most actors of a token that is exchanged again. A longer chain is a loop, or a token that grows for ever. */
export const MAX_ACTORS = 4;

/** A token whose signature, claims and session are good. */
export interface SubjectToken {
  readonly kid: string;
  readonly claims: AccessTokenClaims & { readonly sid: string };
  /** The first token's jti. */
  readonly txn: string;
  /** Every client through whose hands it went: the one that it was made for, then each actor. */
  readonly clients: readonly string[];
}

@Injectable()
export class SubjectTokens {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly sessions: SessionsService,
  ) {}

  /**
   * Verifies a token that was made for `caller`, and looks up its session and account.
   *
   * @throws OAuthError `invalid_grant` · ServiceError `database_unavailable` if auth does not know its own keys now
   */
  async verify(token: string, caller: string): Promise<SubjectToken> {
    const claims = await this.refusing(async () => {
      const verified = await this.authenticator.judge(token, { audience: caller });
      await this.sessions.confirm(verified);
      return verified;
    });
    const { sid, jti, txn = jti, client_id: client } = claims;
    const actors = actorsOf(claims);
    if (sid === undefined) throw invalidGrant('it has no sid');
    if (actors.length >= MAX_ACTORS) throw invalidGrant('its chain of actors is too long');
    const { kid } = decodeProtectedHeader(token) as { kid: string };
    return { kid, claims: { ...claims, sid }, txn, clients: [client, ...actors] };
  }

  /**
   * Checks within the transaction that nothing about the token is revoked. `enabled` are the clients that are not disabled.
   *
   * @throws OAuthError `invalid_grant`
   */
  async requireUnrevoked(
    tx: EntityManager,
    { kid, claims: { jti, sid }, txn, clients }: SubjectToken,
    enabled: ReadonlySet<string>,
  ): Promise<void> {
    if (!clients.every((client) => enabled.has(client))) throw invalidGrant('one of its clients is disabled');
    const [found] = await tx.query<{ isKeyGood: boolean; isRevoked: boolean }[]>(
      `SELECT EXISTS (SELECT FROM signing_key WHERE kid = $1 AND status = ANY($2)) AS "isKeyGood",
              EXISTS (SELECT FROM revocation WHERE (kind = 'jti' AND value = ANY($3))
                         OR (kind = 'sid' AND value = $4) OR (kind = 'client_id' AND value = ANY($5))) AS "isRevoked"`,
      [kid, publishedStatuses, [jti, txn], sid, clients],
    );
    if (!found!.isKeyGood) throw invalidGrant('its key is revoked or retired');
    if (found!.isRevoked) throw invalidGrant('it is revoked');
  }

  private async refusing<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof TrustError) || error.code === 'internal') throw error;
      if (error.code === 'trust_stale')
        throw new ServiceError('database_unavailable', { cause: error, retryAfterSeconds: 1 });
      throw invalidGrant(error.code, error);
    }
  }
}

/** @param message for the log */
export function invalidGrant(message: string, cause?: unknown): OAuthError {
  return new OAuthError('invalid_grant', { message: `the subject token is refused: ${message}`, cause });
}
