import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { databaseClock } from '../key-set/key-set.service.js';
import { PresentedTokens, TokenRefused } from './presented-token.js';

const actor = z
  .looseObject({ sub: z.string() })
  .describe('Who acts for the subject; those before it are inside it');
const time = z.int().describe('Seconds since 1970');

/** The answer about a good token (RFC 7662 §2.2). Every member but the first is a claim of the token, or `Bearer`. */
const activeToken = z.strictObject({
  active: z.literal(true),
  scope: z.string().optional(),
  client_id: z.string(),
  token_type: z.literal('Bearer'),
  exp: time,
  iat: time,
  sub: z.string(),
  aud: z.string(),
  iss: z.string(),
  jti: z.string(),
  sid: z.string().optional(),
  act: actor.optional(),
  txn: z.string().optional(),
});

export const introspectionAnswer = z.union([activeToken, z.strictObject({ active: z.literal(false) })]);
type IntrospectionAnswer = { readonly active: boolean; readonly [claim: string]: unknown };

/** Says whether a token is good now (RFC 7662). */
@Injectable()
export class Introspection {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: PresentedTokens,
  ) {}

  /**
   * Describes a good token to a client that it is for, or that it was issued to. Any other text is not active, and nobody
   * learns why.
   *
   * @throws ServiceError `database_unavailable`
   */
  async introspect(text: string, caller: string): Promise<IntrospectionAnswer> {
    try {
      return await this.describe(text, caller);
    } catch (error) {
      if (error instanceof TokenRefused) return { active: false };
      throw error;
    }
  }

  /** @throws TokenRefused · ServiceError `database_unavailable` */
  private async describe(text: string, caller: string): Promise<IntrospectionAnswer> {
    const { manager } = this.dataSource;
    const token = await this.tokens.verify(text, { audience: undefined });
    await this.tokens.requireUnrevoked(manager, token);
    const { scope, client_id, exp, iat, sub, aud, iss, jti, sid, act, txn } = token.claims;
    if (caller !== aud && caller !== client_id) throw new TokenRefused('it is for other clients');
    // By the clock of the database, without a tolerated skew.
    if (exp * 1000 <= +(await databaseClock(manager))) throw new TokenRefused('it has expired');
    return {
      active: true,
      scope,
      client_id,
      token_type: 'Bearer',
      exp,
      iat,
      sub,
      aud,
      iss,
      jti,
      sid,
      act,
      txn,
    };
  }
}
