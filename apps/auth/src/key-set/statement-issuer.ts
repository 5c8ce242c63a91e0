import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { StatementSigners } from '../anchor/statement-signer.js';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { activeKey, type KeyRecords } from '../keys/key-life-cycle.js';
import { SealedKeys } from '../keys/sealed-keys.js';
import { keySetPayload } from './key-set-payload.js';
import { KeySetState } from './key-set-state.entity.js';
import type { IssuedStatement } from './newest-statement.js';
import { revocationRange } from './revocation-range.js';

/** What a statement is about. */
export interface StatementFacts {
  readonly epoch: number;
  /** kid of the anchor that signs it; null for the first of ours. */
  readonly anchor: string | null;
  readonly keys: KeyRecords;
  readonly now: Date;
}

/** Signs statements of the key set and stores each in the transaction that made it. */
@Injectable()
export class StatementIssuer {
  constructor(
    private readonly signers: StatementSigners,
    private readonly sealedKeys: SealedKeys,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /** Whether a statement of this age is to be issued anew. Below zero counts too: the database's clock may go back. */
  isOld(ageSeconds: number): boolean {
    return Math.abs(ageSeconds) >= this.settings.statementIntervalSeconds;
  }

  /** @throws AuthError `no_signing_key` if the active key does not open: without it every good token would be refused */
  async issue(tx: EntityManager, { epoch, anchor, keys, now }: StatementFacts): Promise<IssuedStatement> {
    // Older settings may have given tokens a longer life than new ones get: so the longest that verifiers accept.
    const { issuer, statementSeconds, maxTokenSeconds } = this.settings;
    const active = activeKey(keys);
    // The wrong key-encryption key, or a row that was tampered with.
    if (active && !this.sealedKeys.mayPublish(active))
      throw new AuthError('no_signing_key', { message: `the active key ${active.kid} does not open` });
    const payload = keySetPayload(keys.filter(this.sealedKeys.mayPublish), {
      issuer,
      epoch,
      now,
      statementSeconds,
      listRevokedSeconds: maxTokenSeconds + statementSeconds,
      revocations: await revocationRange(tx),
    });
    const signer = this.signers.find(anchor);
    const jws = await signer.signKeySet(payload);
    await tx.update(KeySetState, { id: true }, { epoch, statement: jws, issuedAt: now, anchor: signer.kid });
    return { epoch, jws, keys: payload.keys };
  }
}
