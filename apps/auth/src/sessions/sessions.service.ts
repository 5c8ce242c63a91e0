import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { keysetPage, securityEvent, type Page, type PageQuery } from '#service-kit';
import { TrustError, type AccessTokenClaims } from '#trust';
import type { Account } from '../accounts/account.entity.js';
import { AccountsService, type Credentials } from '../accounts/accounts.service.js';
import { defaultAudience, SCOPE_TABLE, scopesFor, type Role, type ScopeTable } from '../accounts/scopes.js';
import { SERVICE } from '../config.js';
import { AuthError } from '../errors.js';
import { RevocationsService } from '../revocations/revocations.service.js';
import { Grants, type Grant, type Origin } from './grants.js';
import { endSessions, LIVE, lockAccount, makeRoom, removeExpiredSessions } from './live-sessions.js';
import { Session } from './session.entity.js';

export interface Login extends Credentials {
  readonly audience?: string | undefined;
}

export type KnownAccount = Pick<Account, 'id' | 'email' | 'roles' | 'createdAt'>;

/** Logs accounts in and out, lists and ends sessions, and checks good tokens against the database. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly accounts: AccountsService,
    private readonly grants: Grants,
    private readonly revocations: RevocationsService,
    @Inject(SCOPE_TABLE) private readonly scopes: ScopeTable,
  ) {}

  /**
   * Begins a session and signs its first token in one transaction. If the account has too many sessions, the oldest one
   * ends.
   *
   * @throws AuthError the codes of `authenticate` · `invalid_target` · `no_signing_key` · `database_went_back`
   */
  async login({ audience, ...credentials }: Login, origin: Origin): Promise<Grant> {
    const checked = await this.accounts.authenticate(credentials, origin.address);
    const aud = audience ?? defaultAudience(this.scopes, checked.roles) ?? SERVICE;
    try {
      this.grants.scopeOf(checked, aud);
    } catch (error) {
      securityEvent('login.refused', { account: checked.id, reason: 'invalid_target' });
      throw error;
    }
    // Each login deletes a few expired sessions.
    await removeExpiredSessions(this.dataSource.manager);
    const { ended, sid, grant } = await this.revocations.transaction(async (tx, revoke) => {
      const account = await lockAccount(tx, checked.id);
      // The account may have been disabled, or its password changed, after its password was checked.
      if (account?.disabledAt !== null || account.passwordHash !== checked.passwordHash) {
        const reason = account?.disabledAt === null ? 'wrong_password' : 'account_disabled';
        securityEvent('login.refused', { account: checked.id, reason });
        throw new AuthError('invalid_credentials');
      }
      const ended = await makeRoom(tx, revoke, account.id);
      const { sid, ...grant } = await this.grants.begin(tx, account, aud, origin);
      return { ended, sid, grant };
    });
    for (const session of ended)
      securityEvent('session.ended', { account: checked.id, session, reason: 'too_many' });
    securityEvent('login.succeeded', { account: checked.id, session: sid, audience: aud });
    return grant;
  }

  /** The account of a live session. Undefined if the session is not live, or the account is disabled. */
  async accountOf(sid: string): Promise<KnownAccount | undefined> {
    // In SQL, because each request with a token asks it.
    const [account] = await this.dataSource.manager.query<KnownAccount[]>(
      `SELECT account.id, email, roles, account.created_at AS "createdAt"
         FROM session JOIN account ON account.id = account_id
        WHERE session.id = $1 AND ${LIVE} AND disabled_at IS NULL`,
      [sid],
    );
    return account;
  }

  /** The live sessions of an account, the newest first. */
  list(accountId: string, query: PageQuery): Promise<Page<Session>> {
    const live = this.dataSource.manager
      .createQueryBuilder(Session, 'session')
      .where('session.accountId = :accountId', { accountId })
      .andWhere('session.endedAt IS NULL AND session.expiresAt > clock_timestamp()');
    return keysetPage(live, query);
  }

  /**
   * Ends the session of the caller's own token.
   *
   * @throws AuthError `session_ended` if it has ended, or got a new sid, since the token was checked
   */
  async logOut(accountId: string, sid: string): Promise<void> {
    const [ended] = await this.endSessionsOf(accountId, [sid]);
    if (!ended) throw new AuthError('session_ended');
    securityEvent('logout', { account: accountId, session: ended });
  }

  /** Ends one session of the account. @throws AuthError `session_not_found` if the account has no such live session */
  async end(accountId: string, sid: string): Promise<void> {
    const [ended] = await this.endSessionsOf(accountId, [sid]);
    if (!ended) throw new AuthError('session_not_found');
    securityEvent('session.ended', { account: accountId, session: ended, reason: 'requested' });
  }

  /** Ends all sessions of the account. */
  async endAll(accountId: string): Promise<void> {
    securityEvent('logout.all', { account: accountId, sessions: await this.endSessionsOf(accountId) });
  }

  /** Ends these sessions of the account, or all. Returns the sids of the sessions that were live until now. */
  private endSessionsOf(accountId: string, sids?: readonly string[]): Promise<string[]> {
    return this.revocations.transaction(async (tx, revoke) => {
      await lockAccount(tx, accountId);
      return endSessions(tx, revoke, accountId, { only: sids });
    });
  }

  /**
   * Checks a good token that was sent to a route of auth. A token that was exchanged is only for the service that it names:
   * that service must not use it to end sessions here.
   *
   * @throws TrustError `wrong_audience` · `revoked`
   */
  async confirmCaller(claims: AccessTokenClaims): Promise<void> {
    if (claims.act) throw new TrustError('wrong_audience', 'a token that was exchanged is not for auth');
    await this.confirm(claims);
  }

  /**
   * Checks a good token against the database. The session must be live and belong to the subject. The account must
   * still have the roles of the token. If the token is for auth, the roles of the account must give its scopes. So a
   * stolen signing key makes nobody an administrator.
   *
   * @throws TrustError `revoked`
   */
  async confirm({ sid, sub, aud, scope, roles = [] }: AccessTokenClaims): Promise<void> {
    const account = z.uuid().safeParse(sid).success ? await this.accountOf(sid!) : undefined;
    if (account?.id !== sub) throw new TrustError('revoked', 'the subject has no live session with this sid');
    if (!roles.every((role) => account.roles.includes(role as Role))) {
      throw new TrustError('revoked', 'the account no longer has a role of the token');
    }
    const granted = scopesFor(this.scopes, account.roles, SERVICE);
    // A token for auth's session routes alone has no scope.
    const claimed = scope === '' ? [] : scope?.split(' ');
    if (aud === SERVICE && !claimed?.every((name) => granted.includes(name))) {
      throw new TrustError('revoked', 'the account does not have a scope of the token');
    }
  }
}
