/**
 * The key set in the database, and the only way to change it. A change is one transaction under the lock of the key set's
 * row. It reads the keys, asks a step for the next set, adds one to the epoch, signs the statement and stores both. Only
 * after the commit does anyone get the statement. A step that changes the active key waits for the tokens that are being
 * signed. No other step does, so a heartbeat and a login never wait for each other.
 */
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { securityEvent } from '#service-kit';
import { AuthError } from '../errors.js';
import { activeKey, retireExpired, type KeyRecords } from '../keys/key-life-cycle.js';
import { SealedKeys } from '../keys/sealed-keys.js';
import { SigningKey } from '../keys/signing-key.entity.js';
import { EpochGuard } from './epoch-guard.js';
import { StatementIssuer } from './statement-issuer.js';
import { tellKeyChanges } from './key-events.js';
import { KeySetState } from './key-set-state.entity.js';
import { NewestStatement, type IssuedStatement } from './newest-statement.js';
import { holdSigning } from './signing-lock.js';
import { storeKeySet } from './store-key-set.js';

/** What a step works on. It may write other rows with `tx`: they are committed with the key set, or not at all. */
export interface ChangeContext {
  readonly tx: EntityManager;
  /** The database's clock, read under the lock of the key set. */
  readonly now: Date;
  /**
   * Waits for every token that is being signed; no other is signed until the transaction ends. Returns the database's
   * clock, which is later than the iat of each token. A step must call it before it changes the active key.
   */
  readonly stopSigning: () => Promise<Date>;
  /** The epoch of the database before the change. */
  readonly epoch: number;
  readonly issuedAt: Date | null;
  /** Logs a security event once the change is committed. */
  readonly tell: typeof securityEvent;
}

/** What a step decided. Without `keys` the set stays as it is and no statement is issued. */
export interface Outcome<T> {
  readonly keys?: KeyRecords | undefined;
  /** What the caller of the change gets. */
  readonly answer: T;
}

export type ChangeStep<T> = (keys: KeyRecords, context: ChangeContext) => Promise<Outcome<T>> | Outcome<T>;

export interface ChangeOptions {
  /** The kid of the anchor that signs from now on; without it the present one goes on. */
  readonly anchor?: string;
  /** Goes on after the newest proven epoch, where the database is older than that. */
  readonly recover?: boolean;
}

export interface Changed<T> {
  /** Undefined if the step left the set as it is. */
  readonly statement: IssuedStatement | undefined;
  readonly answer: T;
}

@Injectable()
export class KeySetService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly sealedKeys: SealedKeys,
    private readonly issuer: StatementIssuer,
    private readonly newest: NewestStatement,
    private readonly guard: EpochGuard,
  ) {}

  /** Every key there ever was, oldest first; no key that somebody else planted in the table as prepared. */
  async allKeys(): Promise<KeyRecords> {
    const keys = await this.dataSource
      .getRepository(SigningKey)
      .find({ order: { preparedAt: 'ASC', kid: 'ASC' } });
    return keys.filter(this.sealedKeys.belongs);
  }

  /** Takes the statements of other replicas, and issues the same keys in a new one when the last has grown old. */
  async renewStatement(): Promise<void> {
    if (!this.issuer.isOld(await this.newest.refresh())) return;
    await this.change((keys, { now, issuedAt }) => {
      // Another replica may have been first. Before the first key there is nothing to state.
      const isOld = !issuedAt || this.issuer.isOld((now.getTime() - issuedAt.getTime()) / 1000);
      return { keys: isOld && keys.length > 0 ? keys : undefined, answer: undefined };
    });
  }

  /**
   * Changes the key set in one transaction and issues the statement of it. Retiring keys whose last token has expired are
   * retired with every change. If `step` throws, nothing has happened.
   *
   * @throws AuthError `database_went_back` · `nothing_to_recover`
   */
  async change<T>(step: ChangeStep<T>, { anchor, recover = false }: ChangeOptions = {}): Promise<Changed<T>> {
    await this.newest.readCopy();
    const events: (() => void)[] = [];
    const tell: typeof securityEvent = (event, fields) =>
      void events.push(() => securityEvent(event, fields));
    const changed = await this.dataSource.transaction(async (tx): Promise<Changed<T>> => {
      const state = await this.lock(tx, recover);
      // Every change holds the lock of the key set, so the rows stay as they are read.
      const rows: KeyRecords = await tx.find(SigningKey);
      // A recovery ends every key, also one whose key-encryption key is gone since the backup.
      const before = recover ? rows : rows.filter(this.sealedKeys.belongs);
      const now = await databaseClock(tx);
      let isSigningStopped = false;
      const stopSigning = async () => {
        await holdSigning(tx);
        isSigningStopped = true;
        return databaseClock(tx);
      };
      const { epoch, issuedAt } = state;
      const context = { tx, now, stopSigning, epoch, issuedAt, tell };
      const { keys: after, answer } = await step(retireExpired(before, now), context);
      if (!after) return { statement: undefined, answer };
      if (!isSigningStopped && activeKey(before) !== activeKey(after))
        throw new Error('the active key changes while tokens may be signed with it');
      await storeKeySet(tx, before, after);
      tellKeyChanges(before, after, tell);
      const signingAnchor = anchor ?? state.anchor;
      if (state.anchor !== null && signingAnchor !== null && signingAnchor !== state.anchor)
        tell('anchor.switched', { anchor: signingAnchor });
      const next = Math.max(epoch, this.guard.provenEpoch()) + 1;
      const statement = await this.issuer.issue(tx, { epoch: next, anchor: signingAnchor, keys: after, now });
      return { statement, answer };
    });
    for (const event of events) event();
    const { statement } = changed;
    if (statement) {
      // The database holds the newest epoch, also after a recovery.
      this.guard.compare(statement.epoch, statement.epoch);
      this.newest.adopt(statement);
    }
    return changed;
  }

  /** Locks the key set's row. Nobody else issues a statement until the transaction ends. */
  private async lock(tx: EntityManager, recover: boolean): Promise<KeySetState> {
    const lock = { mode: 'pessimistic_write' } as const;
    const state = await tx.findOneOrFail(KeySetState, { where: { id: true }, lock });
    this.guard.compare(state.epoch, this.guard.provenEpoch());
    if (!recover) this.guard.refuseIfWentBack();
    else if (!this.guard.databaseWentBack) throw new AuthError('nothing_to_recover');
    return state;
  }
}

/** The clock by which everything about keys is dated: replicas may disagree, the database does not. */
export async function databaseClock(manager: EntityManager): Promise<Date> {
  const [clock] = await manager.query<{ now: Date }[]>('SELECT clock_timestamp() AS now');
  return clock!.now;
}
