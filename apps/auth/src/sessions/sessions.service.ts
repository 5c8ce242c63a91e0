import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, IsNull, Raw } from 'typeorm';
import { z } from 'zod';
import { keysetPage, securityEvent, type Page, type PageQuery } from '#service-kit';
import { TrustError, type AccessTokenClaims } from '#trust';
import { Account } from '../accounts/account.entity.js';
import { AccountsService, type Credentials } from '../accounts/accounts.service.js';
import { SERVICE } from '../config.js';
import { AuthError } from '../errors.js';
import { RevocationsService } from '../revocations/revocations.service.js';
import { AccessTokenSigner } from '../tokens/access-token-signer.js';
import { beginSession, endSessions, lockAccount, makeRoom, removeExpiredSessions } from './live-sessions.js';
import { defaultAudience, scopesFor, type Role } from '../accounts/scopes.js';
import { Session } from './session.entity.js';

/** `client_id` of a login by password. */
const WEB_CLIENT = 'web';

export interface Login extends Credentials {
  readonly audience?: string | undefined;
}

export interface Grant {
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly scope: string;
}

@Injectable()
export class SessionsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly accounts: AccountsService,
    private readonly signer: AccessTokenSigner,
    private readonly revocations: RevocationsService,
  ) {}

  /**
   * Begins a session and signs its first token, in one transaction. One session too many ends the oldest.
   *
   * @throws AuthError those of `authenticate` · `invalid_target` · `no_signing_key`
   */
  async login({ audience, ...credentials }: Login, address: string): Promise<Grant> {
    const account = await this.accounts.authenticate(credentials, address);
    const aud = audience ?? defaultAudience(account.roles);
    const scopes = scopesFor(account.roles, aud);
    if (scopes.length === 0) {
      securityEvent('login.refused', { account: account.id, reason: 'invalid_target' });
      throw new AuthError('invalid_target', {
        errors: [{ field: 'audience', message: 'not for this account' }],
      });
    }
    const scope = scopes.join(' ');
    // A few old sessions go with each new one.
    await removeExpiredSessions(this.dataSource.manager);
    const { ended, sid, grant } = await this.revocations.transaction(async (tx, revoke) => {
      // It may have been disabled since its password was looked at.
      if ((await lockAccount(tx, account.id))?.disabledAt !== null) {
        securityEvent('login.refused', { account: account.id, reason: 'account_disabled' });
        throw new AuthError('invalid_credentials');
      }
      const ended = await makeRoom(tx, account.id);
      await revoke(ended);
      const sid = randomUUID();
      const { token, expiresIn, expiredAt } = await this.signer.sign(tx, {
        sub: account.id,
        aud,
        client_id: WEB_CLIENT,
        scope,
        sid,
        roles: account.roles,
      });
      await beginSession(tx, { sid, accountId: account.id, expiresAt: expiredAt });
      return { ended, sid, grant: { accessToken: token, expiresIn, scope } };
    });
    for (const { value } of ended)
      securityEvent('session.ended', { account: account.id, session: value, reason: 'too_many' });
    securityEvent('login.succeeded', { account: account.id, session: sid, audience: aud });
    return grant;
  }

  /** The account of a live session. */
  async accountOf(sid: string): Promise<Account | undefined> {
    const session = await this.dataSource.manager.findOne(Session, {
      where: { id: sid, endedAt: IsNull(), expiresAt: Raw((column) => `${column} > clock_timestamp()`) },
      relations: { account: true },
    });
    return session?.account.disabledAt === null ? session.account : undefined;
  }

  /** The live sessions of an account, newest first. */
  list(accountId: string, query: PageQuery): Promise<Page<Session>> {
    const live = this.dataSource.manager
      .createQueryBuilder(Session, 'session')
      .where('session.accountId = :accountId', { accountId })
      .andWhere('session.endedAt IS NULL AND session.expiresAt > clock_timestamp()');
    return keysetPage(live, query);
  }

  /** Ends the session that the caller's own token is of. */
  async logOut(accountId: string, sid: string): Promise<void> {
    const [ended] = await this.endSessionsOf(accountId, [sid]);
    if (ended) securityEvent('logout', { account: accountId, session: ended });
  }

  /** Ends one of the account's sessions by name. @throws AuthError `session_not_found` if it has no such live one */
  async end(accountId: string, sid: string): Promise<void> {
    const [ended] = await this.endSessionsOf(accountId, [sid]);
    if (!ended) throw new AuthError('session_not_found');
    securityEvent('session.ended', { account: accountId, session: ended, reason: 'requested' });
  }

  /** Ends all of the account's sessions. */
  async endAll(accountId: string): Promise<void> {
    securityEvent('logout.all', { account: accountId, sessions: await this.endSessionsOf(accountId) });
  }

  /** The sids of those that ended. */
  private endSessionsOf(accountId: string, sids?: readonly string[]): Promise<string[]> {
    return this.revocations.transaction(async (tx, revoke) => {
      await lockAccount(tx, accountId);
      const ended = await endSessions(tx, accountId, sids);
      await revoke(ended);
      return ended.map(({ value }) => value);
    });
  }

  /**
   * What auth asks beyond a good signature: the session is live, it is the subject's, the roles that the token names
   * are still held, and its scopes for auth are those of the roles in the database. So a stolen signing key makes
   * nobody an administrator.
   *
   * @throws TrustError `revoked`
   */
  async confirm({ sid, sub, aud, scope, roles = [] }: AccessTokenClaims): Promise<void> {
    const account = z.uuid().safeParse(sid).success ? await this.accountOf(sid!) : undefined;
    if (account?.id !== sub) throw new TrustError('revoked', 'no live session of this subject');
    if (!roles.every((role) => account.roles.includes(role as Role))) {
      throw new TrustError('revoked', 'a role of the token is no longer held');
    }
    const granted = scopesFor(account.roles, SERVICE);
    if (aud === SERVICE && !scope?.split(' ').every((name) => granted.includes(name))) {
      throw new TrustError('revoked', 'a scope of the token is not one of the account');
    }
  }
}
