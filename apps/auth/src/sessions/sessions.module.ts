import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { RevocationsModule } from '../revocations/revocations.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountAdminController } from './account-admin.controller.js';
import { AccountStatusService } from './account-status.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

/** Sessions. A login begins a session. A logout, or disabling the account, ends it. */
@Module({
  imports: [AccountsModule, RevocationsModule, TokensModule],
  controllers: [SessionsController, AccountAdminController],
  providers: [SessionsService, AccountStatusService],
  exports: [SessionsService],
})
export class SessionsModule {}
