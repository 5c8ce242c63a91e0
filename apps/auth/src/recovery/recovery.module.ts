import { Module } from '@nestjs/common';
import { KeySetModule } from '../key-set/key-set.module.js';
import { RecoveryService } from './recovery.service.js';

/** Recovery after a restore of the database, and resealing of keys. */
@Module({ imports: [KeySetModule], providers: [RecoveryService], exports: [RecoveryService] })
export class RecoveryModule {}
