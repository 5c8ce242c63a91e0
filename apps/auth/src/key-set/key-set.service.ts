/**
 * Reads and changes the key set in the database. No other code changes it. A change is one transaction that locks the
 * row `key_set`. It reads the published keys, asks a step for the keys after the change, adds one to the epoch, signs the
 * statement, and stores both. It publishes the statement only after the commit. A step that changes the active key
 * waits for the tokens that are being signed. Other steps do not. So a heartbeat and a login never wait for each other.
 */
import { Injectable } from '@nestjs/common';
import { DataSource, In, type EntityManager } from 'typeorm';
import { securityEvent } from '#service-kit';
import { publishedStatuses } from '#statements';
import { AuthError } from '../errors.js';
import { activeKey, retireExpired, type KeyRecords } from '../keys/key-life-cycle.js';
import { SealedKeys } from '../keys/sealed-keys.js';
import { keyStatuses, SigningKey, type KeyStatus } from '../keys/signing-key.entity.js';
import { EpochGuard } from './epoch-guard.js';
import { StatementIssuer } from './statement-issuer.js';
import { tellKeyChanges } from './key-events.js';
import { KeySetState } from './key-set-state.entity.js';
import { NewestStatement, type IssuedStatement } from './newest-statement.js';
import { holdSigning } from './signing-lock.js';
import { storeKeySet } from './store-key-set.js';

/** What a step can use. Rows that it writes with `tx` are committed together with the key set, or not at all. */
export interface ChangeContext {
  readonly tx: EntityManager;
  /** The database's clock, read under the lock of the key set. */
  readonly now: Date;
  /**
   * Waits for the tokens that are being signed. No other token is signed until the transaction ends. Returns the time
   * of the database, which is later than the `iat` of each token. A step must call it before it changes the active key.
   */
  readonly stopSigning: () => Promise<Date>;
  /** The epoch of the database before the change. */
  readonly epoch: number;
  readonly issuedAt: Date | null;
  /** Logs a security event once the change is committed. */
  readonly tell: typeof securityEvent;
}

/** The result of a step. Without `keys` the key set does not change and no statement is issued. */
export interface Outcome<T> {
  readonly keys?: KeyRecords | undefined;
  /** What the caller of the change gets. */
  readonly answer: T;
}

/** Gets the published keys, and returns them after the step. Only a recovery gets all keys of the key store. */
export type ChangeStep<T> = (keys: KeyRecords, context: ChangeContext) => Promise<Outcome<T>> | Outcome<T>;

export interface ChangeOptions {
  /** The kid of the anchor that signs from now on. Without it the present anchor continues to sign. */
  readonly anchor?: string;
  /** Allows the change although the database went back. The epoch continues after the proven epoch. */
  readonly recover?: boolean;
}

export interface Changed<T> {
  /** Undefined if the step did not change the key set. */
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

  /**
   * All keys of the key store, the oldest first. It leaves out a prepared key that an attacker wrote into the table.
   */
  async allKeys(): Promise<KeyRecords> {
    return (await findKeys(this.dataSource.manager)).filter(this.sealedKeys.belongs);
  }

  /** The published keys: the part of {@link allKeys} that does not grow with the years. */
  async publishedKeys(): Promise<KeyRecords> {
    return (await findPublishedKeys(this.dataSource.manager)).filter(this.sealedKeys.belongs);
  }

  /** Adopts the last statement of any replica. If it is too old, issues a new statement with the same keys. */
  async renewStatement(): Promise<void> {
    if (!this.issuer.isOld(await this.newest.refresh())) return;
    await this.change((keys, { now, issuedAt }) => {
      // Another replica may have issued one meanwhile. Before the first key there is nothing to state.
      const isOld = issuedAt
        ? this.issuer.isOld((now.getTime() - issuedAt.getTime()) / 1000)
        : keys.length > 0;
      return { keys: isOld ? keys : undefined, answer: undefined };
    });
  }

  /**
   * Changes the key set in one transaction and issues a statement of it. Every change also retires the retiring keys
   * whose last token has expired. If `step` throws, nothing changes.
   *
   * @throws AuthError `database_went_back` · `nothing_to_recover`
   */
  async change<T>(step: ChangeStep<T>, { anchor, recover = false }: ChangeOptions = {}): Promise<Changed<T>> {
    const copyIsRead = this.newest.readCopy();
    const events: (() => void)[] = [];
    const tell: typeof securityEvent = (event, fields) =>
      void events.push(() => securityEvent(event, fields));
    const changed = await this.dataSource.transaction(async (tx): Promise<Changed<T>> => {
      // Before the lock: a disk that hangs must not hold it.
      await copyIsRead;
      const state = await lockKeySet(tx);
      this.checkEpoch(state.epoch, recover);
      // Every change locks the row `key_set`. So no other transaction changes these rows meanwhile.
      const rows: KeyRecords = await (recover ? findKeys(tx) : findPublishedKeys(tx));
      // A recovery revokes every key, also a key whose key-encryption key does not exist any more.
      const before = recover ? rows : rows.filter(this.sealedKeys.belongs);
      let isSigningStopped = false;
      const stopSigning = async () => {
        const stoppedAt = await holdSigning(tx);
        isSigningStopped = true;
        return stoppedAt;
      };
      const { epoch, issuedAt, now } = state;
      const context = { tx, now, stopSigning, epoch, issuedAt, tell };
      const { keys: after, answer } = await step(retireExpired(before, now), context);
      if (!after) return { statement: undefined, answer };
      if (!isSigningStopped && activeKey(before) !== activeKey(after))
        throw new Error('a step must call stopSigning before it changes the active key');
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
      // Now the database holds the newest epoch, also after a recovery.
      this.guard.compare(statement.epoch, statement.epoch);
      this.newest.adopt(statement);
    }
    return changed;
  }

  /** @throws AuthError `database_went_back` · `nothing_to_recover` */
  private checkEpoch(epoch: number, recover: boolean): void {
    this.guard.compare(epoch, this.guard.provenEpoch());
    if (!recover) this.guard.refuseIfWentBack();
    else if (!this.guard.databaseWentBack) throw new AuthError('nothing_to_recover');
  }
}

/** The row `key_set` without the statement, which is its large part, and the time of the database. */
type LockedKeySet = Pick<KeySetState, 'epoch' | 'issuedAt' | 'anchor'> & { readonly now: Date };

/** Locks the row `key_set`. No other transaction issues a statement until this one ends. */
async function lockKeySet(tx: EntityManager): Promise<LockedKeySet> {
  // The outer SELECT gets the row when it is locked, so the clock is read after the wait.
  const [row] = await tx.query<LockedKeySet[]>(
    `WITH locked AS MATERIALIZED (SELECT epoch, issued_at, anchor FROM key_set FOR UPDATE)
     SELECT epoch::float8 AS epoch, issued_at AS "issuedAt", anchor, clock_timestamp() AS now FROM locked`,
  );
  return row!;
}

/** All keys with one of these statuses, the oldest first. */
function findKeys(
  manager: EntityManager,
  statuses: readonly KeyStatus[] = keyStatuses,
): Promise<SigningKey[]> {
  const order = { preparedAt: 'ASC', kid: 'ASC' } as const;
  return manager.find(SigningKey, { where: { status: In(statuses) }, order });
}

const findPublishedKeys = (manager: EntityManager): Promise<SigningKey[]> =>
  findKeys(manager, publishedStatuses);

/** The time of the database. All times of keys come from it, because the clocks of replicas may differ. */
export async function databaseClock(manager: EntityManager): Promise<Date> {
  const [clock] = await manager.query<{ now: Date }[]>('SELECT clock_timestamp() AS now');
  return clock!.now;
}
