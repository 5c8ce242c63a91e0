import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { securityEvent } from '#service-kit';
import { Account } from '../accounts/account.entity.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { AuthError } from '../errors.js';
import { RevocationsService } from '../revocations/revocations.service.js';
import { endSessions, lockAccount } from './live-sessions.js';

export interface PasswordChange {
  readonly currentPassword: string;
  readonly newPassword: string;
}

/** Changes passwords, and ends all sessions of the account but the one that asks. */
@Injectable()
export class PasswordService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly accounts: AccountsService,
    private readonly revocations: RevocationsService,
  ) {}

  /**
   * Changes the password of an account and ends its other sessions. A wrong present password counts as a failed login.
   *
   * @throws AuthError the codes of `authenticate` · `password_refused` · `session_ended`
   */
  async change(
    { accountId, sid }: { accountId: string; sid: string },
    { currentPassword, newPassword }: PasswordChange,
    address: string,
  ): Promise<void> {
    const found = await this.dataSource.manager.findOneBy(Account, { id: accountId });
    if (!found) throw new AuthError('session_ended');
    const { email } = found;
    const checked = await this.accounts.authenticate({ email, password: currentPassword }, address);
    const passwordHash = await this.accounts.hashNew({ email, password: newPassword }, 'newPassword');
    const ended = await this.revocations.transaction(async (tx, revoke) => {
      const account = await lockAccount(tx, accountId);
      // Another change may have been quicker. Then the password that was checked is not the present one any more.
      if (account?.passwordHash !== checked.passwordHash || account.disabledAt !== null)
        throw new AuthError('session_ended');
      await tx.update(Account, { id: accountId }, { passwordHash });
      return endSessions(tx, revoke, accountId, { except: sid });
    });
    securityEvent('password.changed', { account: accountId, sessions: ended });
  }
}
