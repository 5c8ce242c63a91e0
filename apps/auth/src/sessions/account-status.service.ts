import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { securityEvent } from '#service-kit';
import { AuthError } from '../errors.js';
import { RevocationsService } from '../revocations/revocations.service.js';
import { endSessions, lockAccount } from './live-sessions.js';
import { Account } from '../accounts/account.entity.js';

/** Disables and enables accounts. A disabled account keeps its data, but it cannot log in. */
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
      const ended = await endSessions(tx, id);
      await revoke(ended);
      if (isNew) await tx.save(Object.assign(account, { disabledAt: new Date() }));
      return { account, ended, isNew };
    });
    if (isNew) securityEvent('account.disabled', { account: id, sessions: ended.map(({ value }) => value) });
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
}

async function found(tx: EntityManager, id: string): Promise<Account> {
  const account = await lockAccount(tx, id);
  if (!account) throw new AuthError('account_not_found');
  return account;
}
