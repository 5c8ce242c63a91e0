import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { RevocationsModule } from '../revocations/revocations.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountAdminController } from './account-admin.controller.js';
import { AccountStatusService } from './account-status.service.js';
import { CookieOrTokenGuard } from './cookie-or-token.guard.js';
import { Grants } from './grants.js';
import { PasswordService } from './password.service.js';
import { RefreshService } from './refresh.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

/** Sessions: how they begin with a login, last by refreshes, and end; and the changes of an account that end them. */
@Module({
  imports: [AccountsModule, RevocationsModule, TokensModule],
  controllers: [SessionsController, AccountAdminController],
  providers: [
    CookieOrTokenGuard,
    Grants,
    SessionsService,
    RefreshService,
    PasswordService,
    AccountStatusService,
  ],
  exports: [SessionsService],
})
export class SessionsModule {}
