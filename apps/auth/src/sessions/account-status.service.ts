import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { securityEvent } from '#service-kit';
import { AuthError } from '../errors.js';
import { RevocationsService } from '../revocations/revocations.service.js';
import type { Role } from '../accounts/scopes.js';
import { endSessions, lockAccount, renewSids } from './live-sessions.js';
import { Account } from '../accounts/account.entity.js';

/**
 * Disables and enables accounts, and sets their roles. A disabled account keeps its data, but it cannot log in. A
 * disabled account and a lost role are revoked at once. A new role comes with the next refresh.
 */
@Injectable()
export class AccountStatusService {
  constructor(private readonly revocations: RevocationsService) {}

  /**
   * Refuses logins from now on and ends all sessions. A second call changes nothing.
   *
   * @throws AuthError `account_not_found`
   */
  async disable(id: string): Promise<Account> {
    const { account, ended, isNew } = await this.revocations.transaction(async (tx, revoke) => {
      const account = await found(tx, id);
      const isNew = account.disabledAt === null;
      const ended = await endSessions(tx, revoke, id);
      if (isNew) await tx.save(Object.assign(account, { disabledAt: new Date() }));
      return { account, ended, isNew };
    });
    if (isNew) securityEvent('account.disabled', { account: id, sessions: ended });
    return account;
  }

  /** Allows logins again. Ended sessions stay ended. @throws AuthError `account_not_found` */
  async enable(id: string): Promise<Account> {
    const { account, isNew } = await this.revocations.transaction(async (tx) => {
      const account = await found(tx, id);
      const isNew = account.disabledAt !== null;
      return { account: await tx.save(Object.assign(account, { disabledAt: null })), isNew };
    });
    if (isNew) securityEvent('account.enabled', { account: id });
    return account;
  }

  /**
   * Sets the roles of an account. If it loses one, every access token of it is refused from now on. Its sessions stay: a
   * refresh gives a token with the roles that it has now. Nobody changes their own roles, so nobody locks themselves out.
   *
   * @throws AuthError `account_not_found` · `own_roles`
   */
  async setRoles(id: string, roles: readonly Role[], { by }: { by: string }): Promise<Account> {
    const { account, before } = await this.revocations.transaction(async (tx, revoke) => {
      const account = await found(tx, id);
      // The id of the row: a client can write its own id in capitals.
      if (account.id === by) throw new AuthError('own_roles');
      const before = account.roles;
      if (before.some((role) => !roles.includes(role))) await renewSids(tx, revoke, account.id);
      return { account: await tx.save(Object.assign(account, { roles: [...roles] })), before };
    });
    if (before.join() !== account.roles.join())
      securityEvent('account.roles_changed', { account: id, roles: account.roles, before });
    return account;
  }
}

async function found(tx: EntityManager, id: string): Promise<Account> {
  const account = await lockAccount(tx, id);
  if (!account) throw new AuthError('account_not_found');
  return account;
}
