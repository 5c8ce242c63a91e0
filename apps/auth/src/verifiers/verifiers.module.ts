import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { IS_SERVICE, SETTINGS, type AuthSettings } from '../config.js';
import { KeySetModule } from '../key-set/key-set.module.js';
import {
  ACKNOWLEDGEMENT_OPTIONS,
  AcknowledgementsService,
  type AcknowledgementOptions,
} from './acknowledgements.service.js';
import { VerifierPinsService } from './verifier-pins.service.js';

/** The verifiers, with the keys and the pins that each of them holds. */
@Module({
  imports: [KeySetModule],
  providers: [
    {
      provide: ACKNOWLEDGEMENT_OPTIONS,
      inject: [SETTINGS, IS_SERVICE],
      useFactory: ({ countedSeconds }: AuthSettings, isVerifier: boolean): AcknowledgementOptions => ({
        countedSeconds,
        isVerifier,
      }),
    },
    {
      provide: VerifierPinsService,
      inject: [DataSource, SETTINGS],
      useFactory: (dataSource: DataSource, { statementSeconds }: AuthSettings) =>
        new VerifierPinsService(dataSource, statementSeconds),
    },
    AcknowledgementsService,
  ],
  exports: [AcknowledgementsService, VerifierPinsService],
})
export class VerifiersModule {}
