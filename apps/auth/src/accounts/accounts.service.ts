import { Inject, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { QueryFailedError, Repository } from 'typeorm';
import { securityEvent } from '#service-kit';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { Account } from './account.entity.js';
import { FailedLogins } from './failed-logins.js';
import { PasswordHasher } from './password-hasher.js';
import { passwordFault } from './password-policy.js';
import { Registrations } from './registrations.js';

const UNIQUE_VIOLATION = '23505';

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

@Injectable()
export class AccountsService {
  constructor(
    @InjectRepository(Account) private readonly accounts: Repository<Account>,
    private readonly hasher: PasswordHasher,
    private readonly failedLogins: FailedLogins,
    private readonly registrations: Registrations,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Registers a customer.
   *
   * @throws AuthError `password_refused` · `too_many_registrations` · `registrations_busy` · `email_taken`
   */
  async register({ email, password }: Credentials, address: string): Promise<Account> {
    this.requireGoodPassword({ email, password }, 'password');
    await this.registrations.check(address);
    return this.hasher.registering(async (hash) => {
      await this.registrations.charge(address);
      return this.store({ email, passwordHash: await hash(password) });
    });
  }

  /** The hash of a password that replaces the present one. @throws AuthError `password_refused` */
  hashNew(credentials: Credentials, field: string): Promise<string> {
    this.requireGoodPassword(credentials, field);
    return this.hasher.hash(credentials.password);
  }

  /** @throws AuthError `password_refused` with the name of the field that holds the password */
  private requireGoodPassword({ email, password }: Credentials, field: string): void {
    const fault = passwordFault(password, { email, minLength: this.settings.passwordMinLength });
    if (fault) throw new AuthError('password_refused', { errors: [{ field, message: fault }] });
  }

  private async store(account: Pick<Account, 'email' | 'passwordHash'>): Promise<Account> {
    try {
      const stored = await this.accounts.save(
        this.accounts.create({ ...account, roles: ['customer'], createdAt: new Date(), disabledAt: null }),
      );
      securityEvent('account.registered', { account: stored.id });
      return stored;
    } catch (error) {
      const isTaken =
        error instanceof QueryFailedError &&
        (error.driverError as { code?: string }).code === UNIQUE_VIOLATION;
      throw isTaken ? new AuthError('email_taken', { cause: error }) : error;
    }
  }

  /**
   * Checks credentials and returns their account. A wrong password, an unknown e-mail address and a disabled account
   * get the same answer after the same time.
   *
   * @throws AuthError `invalid_credentials` · `too_many_failed_logins` · `login_busy`
   */
  async authenticate({ email, password }: Credentials, address: string): Promise<Account> {
    const attempt = { email, address };
    await this.failedLogins.check(attempt);
    return this.hasher.comparing(async (matches) => {
      await this.failedLogins.charge(attempt);
      const account = await this.accounts.findOneBy({ email });
      const matched = await matches(password, account?.passwordHash);
      if (!matched || !account || account.disabledAt) {
        const reason = !account ? 'unknown_account' : matched ? 'account_disabled' : 'wrong_password';
        securityEvent('login.refused', { account: account?.id ?? null, reason });
        throw new AuthError('invalid_credentials');
      }
      await this.failedLogins.refund(attempt);
      return account;
    });
  }
}
