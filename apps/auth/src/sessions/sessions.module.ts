import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { RevocationsModule } from '../revocations/revocations.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { AccountAdminController } from './account-admin.controller.js';
import { AccountStatusService } from './account-status.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

/** Sessions: a login begins one, a logout or a disabled account ends them. */
@Module({
  imports: [AccountsModule, RevocationsModule, TokensModule],
  controllers: [SessionsController, AccountAdminController],
  providers: [SessionsService, AccountStatusService],
  exports: [SessionsService],
})
export class SessionsModule {}
