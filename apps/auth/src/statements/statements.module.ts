import { Module } from '@nestjs/common';
import { KeySetModule } from '../key-set/key-set.module.js';
import { VerifiersModule } from '../verifiers/verifiers.module.js';
import { CurrentStatement } from './current-statement.js';
import { StatementBroadcast } from './statement-broadcast.js';
import { WellKnownController } from './well-known.controller.js';

/** Publishes statements over NATS and HTTP, and gives them to the key ring of this process. */
@Module({
  imports: [KeySetModule, VerifiersModule],
  controllers: [WellKnownController],
  providers: [CurrentStatement, StatementBroadcast],
  exports: [CurrentStatement],
})
export class StatementsModule {}
