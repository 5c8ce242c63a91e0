import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { SETTINGS, type AuthSettings } from '../config.js';
import { RevocationsModule } from '../revocations/revocations.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountAdminController } from './account-admin.controller.js';
import { AccountStatusService } from './account-status.service.js';
import { Grants } from './grants.js';
import { PasswordService } from './password.service.js';
import { RefreshLimit } from './refresh-limit.js';
import { RefreshService } from './refresh.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

/** Sessions: how they begin with a login, last by refreshes, and end; and the changes of an account that end them. */
@Module({
  imports: [AccountsModule, RevocationsModule, TokensModule],
  controllers: [SessionsController, AccountAdminController],
  providers: [
    {
      provide: RefreshLimit,
      inject: [DataSource, SETTINGS],
      useFactory: (dataSource: DataSource, { refreshesPerAddress }: AuthSettings) =>
        new RefreshLimit(dataSource, refreshesPerAddress),
    },
    Grants,
    SessionsService,
    RefreshService,
    PasswordService,
    AccountStatusService,
  ],
  exports: [SessionsService],
})
export class SessionsModule {}
