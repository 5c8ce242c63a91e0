import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { StatementSigners } from '../anchor/statement-signer.js';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { activeKey, type KeyRecords } from '../keys/key-life-cycle.js';
import { SealedKeys } from '../keys/sealed-keys.js';
import { revokedAfter } from './key-history.js';
import { keySetPayload } from './key-set-payload.js';
import { KeySetState } from './key-set-state.entity.js';
import type { IssuedStatement } from './newest-statement.js';
import { revocationRange } from './revocation-range.js';

/** What a statement is made from. */
export interface StatementFacts {
  readonly epoch: number;
  /** The kid of the anchor that signs it. With null the first anchor signs. */
  readonly anchor: string | null;
  readonly keys: KeyRecords;
  readonly now: Date;
}

/** Signs statements of the key set. Stores each statement in the transaction that changes the key set. */
@Injectable()
export class StatementIssuer {
  constructor(
    private readonly signers: StatementSigners,
    private readonly sealedKeys: SealedKeys,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /** Whether a statement of this age must be replaced. A negative age counts, too: the database's clock was set back. */
  isOld(ageSeconds: number): boolean {
    return Math.abs(ageSeconds) >= this.settings.statementIntervalSeconds;
  }

  /**
   * Signs a statement and stores it. A statement without the active key would make verifiers refuse every good token.
   *
   * @throws AuthError `no_signing_key` if the seal of the active key does not open
   */
  async issue(tx: EntityManager, { epoch, anchor, keys, now }: StatementFacts): Promise<IssuedStatement> {
    // ACCESS_TOKEN_SECONDS may have been longer before. So this counts with the longest life that verifiers accept.
    const { issuer, statementSeconds, maxTokenSeconds } = this.settings;
    const active = activeKey(keys);
    // The key-encryption key is wrong, or somebody changed the row.
    if (active && !this.sealedKeys.mayPublish(active))
      throw new AuthError('no_signing_key', { message: `the active key ${active.kid} does not open` });
    const [revoked, revocations] = await Promise.all([
      // A revoked key is named until its tokens and the statements from before have expired.
      revokedAfter(tx, new Date(now.getTime() - (maxTokenSeconds + statementSeconds) * 1000)),
      revocationRange(tx),
    ]);
    const payload = keySetPayload(keys.filter(this.sealedKeys.mayPublish), {
      issuer,
      epoch,
      now,
      statementSeconds,
      revoked,
      revocations,
    });
    const signer = this.signers.find(anchor);
    const jws = await signer.signKeySet(payload);
    await tx.update(KeySetState, { id: true }, { epoch, statement: jws, issuedAt: now, anchor: signer.kid });
    return { epoch, jws, keys: payload.keys };
  }
}
