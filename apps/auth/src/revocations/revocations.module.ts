import { Module } from '@nestjs/common';
import { KeySetModule } from '../key-set/key-set.module.js';
import { RevocationOutbox } from './revocation-outbox.service.js';
import { RevocationsService } from './revocations.service.js';

/**
 * Revocations of sessions, tokens and clients. auth signs and stores them, and publishes them until NATS stores them.
 */
@Module({
  imports: [KeySetModule],
  providers: [RevocationsService, RevocationOutbox],
  exports: [RevocationsService],
})
export class RevocationsModule {}
