import { Module } from '@nestjs/common';
import { KeySetModule } from '../key-set/key-set.module.js';
import { RecoveryService } from './recovery.service.js';

/** What an operator does after the database was restored from a backup. */
@Module({ imports: [KeySetModule], providers: [RecoveryService], exports: [RecoveryService] })
export class RecoveryModule {}
