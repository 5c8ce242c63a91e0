import { Module } from '@nestjs/common';
import { KeySetModule } from '../key-set/key-set.module.js';
import { VerifiersModule } from '../verifiers/verifiers.module.js';
import { AnchorExchangeService } from './anchor-exchange.service.js';
import { KeyRevocationService } from './key-revocation.service.js';
import { KeySupplyService } from './key-supply.service.js';
import { KeysController } from './keys.controller.js';
import { RotationService } from './rotation.service.js';
import { VerifiersController } from './verifiers.controller.js';

/** Rotates and revokes signing keys, and exchanges the trust anchor. */
@Module({
  imports: [KeySetModule, VerifiersModule],
  controllers: [KeysController, VerifiersController],
  providers: [RotationService, KeySupplyService, KeyRevocationService, AnchorExchangeService],
  exports: [RotationService, KeySupplyService, KeyRevocationService, AnchorExchangeService],
})
export class RotationModule {}
