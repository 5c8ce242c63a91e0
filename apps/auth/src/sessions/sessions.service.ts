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

/** The `client_id` of every login by password. */
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
   * Begins a session and signs its token in one transaction. If the account has too many sessions, the oldest one ends.
   *
   * @throws AuthError the codes of `authenticate` · `invalid_target` · `no_signing_key` · `database_went_back`
   */
  async login({ audience, ...credentials }: Login, address: string): Promise<Grant> {
    const account = await this.accounts.authenticate(credentials, address);
    const aud = audience ?? defaultAudience(account.roles);
    const scopes = scopesFor(account.roles, aud);
    if (scopes.length === 0) {
      securityEvent('login.refused', { account: account.id, reason: 'invalid_target' });
      throw new AuthError('invalid_target', {
        errors: [{ field: 'audience', message: 'This account cannot get a token for this audience' }],
      });
    }
    const scope = scopes.join(' ');
    // Each login deletes a few expired sessions.
    await removeExpiredSessions(this.dataSource.manager);
    const { ended, sid, grant } = await this.revocations.transaction(async (tx, revoke) => {
      // The account may have been disabled after its password was checked.
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

  /** The account of a live session. Undefined if the session is not live, or the account is disabled. */
  async accountOf(sid: string): Promise<Account | undefined> {
    const session = await this.dataSource.manager.findOne(Session, {
      where: { id: sid, endedAt: IsNull(), expiresAt: Raw((column) => `${column} > clock_timestamp()`) },
      relations: { account: true },
    });
    return session?.account.disabledAt === null ? session.account : undefined;
  }

  /** The live sessions of an account, the newest first. */
  list(accountId: string, query: PageQuery): Promise<Page<Session>> {
    const live = this.dataSource.manager
      .createQueryBuilder(Session, 'session')
      .where('session.accountId = :accountId', { accountId })
      .andWhere('session.endedAt IS NULL AND session.expiresAt > clock_timestamp()');
    return keysetPage(live, query);
  }

  /** Ends the session of the caller's own token. */
  async logOut(accountId: string, sid: string): Promise<void> {
    const [ended] = await this.endSessionsOf(accountId, [sid]);
    if (ended) securityEvent('logout', { account: accountId, session: ended });
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
      const ended = await endSessions(tx, accountId, sids);
      await revoke(ended);
      return ended.map(({ value }) => value);
    });
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
    const granted = scopesFor(account.roles, SERVICE);
    if (aud === SERVICE && !scope?.split(' ').every((name) => granted.includes(name))) {
      throw new TrustError('revoked', 'the account does not have a scope of the token');
    }
  }
}
