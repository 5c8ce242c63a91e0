import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { SETTINGS, type AuthSettings } from '../config.js';
import { Account } from './account.entity.js';
import { AccountsController } from './accounts.controller.js';
import { AccountsService } from './accounts.service.js';
import { FailedLogins } from './failed-logins.js';
import { PasswordHasher } from './password-hasher.js';
import { Registrations } from './registrations.js';

/** Accounts and their passwords, and the limits on failed logins and on registrations. */
@Module({
  imports: [TypeOrmModule.forFeature([Account])],
  controllers: [AccountsController],
  providers: [
    {
      provide: PasswordHasher,
      inject: [SETTINGS],
      useFactory: (settings: AuthSettings) => new PasswordHasher(settings.passwordHashConcurrency),
    },
    {
      provide: FailedLogins,
      inject: [DataSource, SETTINGS],
      useFactory: (dataSource: DataSource, settings: AuthSettings) =>
        new FailedLogins(dataSource, {
          perAccount: settings.failedLoginsPerAccount,
          perAddress: settings.failedLoginsPerAddress,
          windowSeconds: settings.failedLoginWindowSeconds,
        }),
    },
    {
      provide: Registrations,
      inject: [DataSource, SETTINGS],
      useFactory: (dataSource: DataSource, settings: AuthSettings) =>
        new Registrations(dataSource, {
          perAddress: settings.registrationsPerAddress,
          windowSeconds: settings.registrationWindowSeconds,
        }),
    },
    AccountsService,
  ],
  exports: [AccountsService],
})
export class AccountsModule {}
