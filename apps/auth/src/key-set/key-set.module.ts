import { Module } from '@nestjs/common';
import { readAnchor } from '#statements';
import { StatementSigners } from '../anchor/statement-signer.js';
import { IS_SERVICE, SETTINGS, type AuthSettings } from '../config.js';
import { KeySeal } from '../keys/key-seal.js';
import { SealedKeys } from '../keys/sealed-keys.js';
import { EpochGuard } from './epoch-guard.js';
import { ProvenStatement } from './proven-statement.js';
import { KeySetService } from './key-set.service.js';
import { NewestStatement } from './newest-statement.js';
import { StatementIssuer } from './statement-issuer.js';

const provided = [
  {
    provide: KeySeal,
    inject: [SETTINGS],
    useFactory: ({ keyEncryptionKey }: AuthSettings) => new KeySeal(keyEncryptionKey),
  },
  {
    provide: StatementSigners,
    inject: [SETTINGS],
    useFactory: ({ trustAnchorPrivate }: AuthSettings) => new StatementSigners(trustAnchorPrivate),
  },
  {
    provide: ProvenStatement,
    inject: [SETTINGS, IS_SERVICE],
    useFactory: ({ issuer, trustAnchorPublic, statementCopy: file }: AuthSettings, isWriter: boolean) =>
      new ProvenStatement(issuer, trustAnchorPublic.map(readAnchor), { file, isWriter }),
  },
  SealedKeys,
  EpochGuard,
  NewestStatement,
  KeySetService,
];

/** The key set, the seals of its keys, its signed statements, and the one transaction that changes it. */
@Module({ providers: [...provided, StatementIssuer], exports: provided })
export class KeySetModule {}
