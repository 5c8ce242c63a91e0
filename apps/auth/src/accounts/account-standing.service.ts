import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuthError } from '../errors.js';
import { RevocationsService } from '../revocations/revocations.service.js';
import { endSessions, lockAccount } from '../sessions/live-sessions.js';
import { Account } from './account.entity.js';

/** Who may log in. A disabled account keeps its data and its history, and nothing else. */
@Injectable()
export class AccountStandingService {
  constructor(private readonly revocations: RevocationsService) {}

  /** Refuses logins from now on and ends every session. Once or several times is the same. @throws AuthError `account_not_found` */
  disable(id: string): Promise<Account> {
    return this.revocations.transaction(async (tx, revoke) => {
      const account = await found(tx, id);
      await revoke(await endSessions(tx, id));
      if (account.disabledAt) return account;
      return tx.save(Object.assign(account, { disabledAt: new Date() }));
    });
  }

  /** Lets it log in again; the sessions stay ended. @throws AuthError `account_not_found` */
  enable(id: string): Promise<Account> {
    return this.revocations.transaction(async (tx) => {
      const account = await found(tx, id);
      return tx.save(Object.assign(account, { disabledAt: null }));
    });
  }
}

async function found(tx: EntityManager, id: string): Promise<Account> {
  const account = await lockAccount(tx, id);
  if (!account) throw new AuthError('account_not_found');
  return account;
}
