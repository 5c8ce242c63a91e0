/**
 * The key set in the database, and the only way to change it: one transaction under a row lock that reads what is
 * there, asks a pure step for the next set, counts the epoch up, signs the statement of it and stores both. What
 * has been committed is then handed to all who wait for statements. Only a step that changes the key that signs waits
 * for tokens that are being signed, so a heartbeat and a login never wait for each other.
 */
import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { AlgorithmName } from '#jws';
import { securityEvent } from '#service-kit';
import type { KeySetPayload } from '#statements';
import { AuthError } from '../errors.js';
import { revocationRange } from './revocation-range.js';
import { keySetPayload } from './key-set-payload.js';
import { anchorOf, keysOf } from '../anchor/own-statement.js';
import { StatementSigners } from '../anchor/statement-signer.js';
import { EpochWitness } from './epoch-witness.js';
import { generateKey } from '../keys/generate-key.js';
import {
  activeKey,
  isPublished,
  NO_SEAL,
  retireExpired,
  type DestroyPrivateHalf,
  type KeyRecord,
  type KeySet,
  type NewKey,
} from '../keys/key-life-cycle.js';
import { tellOfKeys } from './key-events.js';
import { KeySeal } from '../keys/key-seal.js';
import { KeySetState } from './key-set-state.entity.js';
import { SigningKey } from '../keys/signing-key.entity.js';
import { storeKeySet } from './store-key-set.js';
import { holdSigning } from './signing-lock.js';

/** A statement that was committed. */
export interface IssuedStatement {
  readonly epoch: number;
  readonly jws: string;
  readonly keys: KeySetPayload['keys'];
}

/** What a step of {@link KeySetService.change} works on. */
export interface ChangeContext {
  readonly tx: EntityManager;
  /** The database's clock, read under the lock of the key set. */
  readonly now: Date;
  /**
   * Waits for every token that is being signed; none is until the transaction ends. Returns the database's clock, which
   * is later than the iat of each. A step must call it before it changes the active key.
   */
  readonly stopSigning: () => Promise<Date>;
  /** The epoch that the database is at. */
  readonly epoch: number;
  readonly issuedAt: Date | null;
  /** Writes an event once the change is committed. */
  readonly tell: typeof securityEvent;
}

export interface ChangeOptions {
  /** The kid of the anchor that signs from now on; without it the present one goes on. */
  readonly anchor?: string;
  /** Goes on after the newest epoch there is proof of, where the database is older than that. */
  readonly recover?: boolean;
}

/** Returns the next set, or undefined if there is nothing to do and no statement to be made. */
export type ChangeStep = (
  keys: KeySet,
  context: ChangeContext,
) => Promise<KeySet | undefined> | KeySet | undefined;

export interface KeySetOptions {
  readonly issuer: string;
  /** The longest life of a token that verifiers accept; older settings may have given more than new tokens get. */
  readonly maxTokenSeconds: number;
  readonly clockSkewSeconds: number;
  readonly statementSeconds: number;
  readonly rsaModulusBits: number;
}

@Injectable()
export class KeySetService {
  private readonly log = new Logger('keys');
  private readonly listeners: ((statement: IssuedStatement) => void)[] = [];
  private statement: IssuedStatement | undefined;
  private wentBack = false;
  /** Keys that were complained of once. */
  private readonly foreign = new Set<string>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly keySeal: KeySeal,
    private readonly signers: StatementSigners,
    private readonly witness: EpochWitness,
    private readonly options: KeySetOptions,
  ) {}

  /** The newest statement that this replica knows of; served also while the database is away. */
  get current(): IssuedStatement | undefined {
    return this.statement;
  }

  /** Whether the database is older than statements that were made from it; then nothing is signed. */
  get databaseWentBack(): boolean {
    return this.wentBack;
  }

  /** Why a restored database may go unnoticed; undefined while the copy of the last statement is kept. */
  get copyFault(): string | undefined {
    return this.witness.fault;
  }

  /** Calls `listener` with each statement that is newer than all before. */
  onStatement(listener: (statement: IssuedStatement) => void): void {
    this.listeners.push(listener);
  }

  /** The kid of the anchor that follows the one that signs now, if there is one. */
  nextAnchor(): string | undefined {
    return this.statement && this.signers.successorOf(anchorOf(this.statement.jws));
  }

  /** All keys that ever were, oldest first; none that somebody else prepared in the table. */
  async list(): Promise<KeySet> {
    const keys = await this.dataSource
      .getRepository(SigningKey)
      .find({ order: { preparedAt: 'ASC', kid: 'ASC' } });
    return keys.filter(this.mayStandBy);
  }

  /** Makes a new key; it is nothing to anyone until a step prepares it. */
  generate(alg: AlgorithmName): Promise<NewKey> {
    return generateKey(alg, this.options.rsaModulusBits, this.keySeal);
  }

  /** The seal of a key whose private half is gone. A key whose seal does not open gets none: that would vouch for a planted key. */
  readonly destroy: DestroyPrivateHalf = (key) => (this.opens(key) ? this.keySeal.seal(key, null) : NO_SEAL);

  /** The key under the key-encryption key that seals now; the same object if it is already. */
  reseal(key: KeyRecord): KeyRecord {
    if (!isPublished(key) || this.keySeal.isCurrent(key.seal)) return key;
    return { ...key, seal: this.keySeal.seal(key, this.keySeal.open(key)) };
  }

  /** When the last token that a key signed until `now` has expired everywhere. */
  verifyUntil(now: Date): Date {
    return new Date(now.getTime() + (this.options.maxTokenSeconds + this.options.clockSkewSeconds) * 1000);
  }

  /**
   * Takes up a statement that another replica has committed.
   *
   * @returns the age in seconds of the last statement; infinite if there is none
   */
  async refresh(): Promise<number> {
    await this.witness.look();
    const proven = this.provenEpoch();
    const [state] = await this.dataSource.query<{ epoch: string; statement: string | null; age: number }[]>(
      'SELECT epoch, statement, extract(epoch FROM clock_timestamp() - issued_at)::float8 AS age FROM key_set',
    );
    const epoch = Number(state?.epoch ?? 0);
    this.judgeEpoch(epoch, proven);
    if (this.wentBack) this.adoptProven();
    if (!state?.statement) return Infinity;
    if (epoch > (this.statement?.epoch ?? 0)) this.adoptStored(epoch, state.statement);
    return state.age;
  }

  /** The statement of a database that went back may hold a key that was revoked since: the newest one is served. */
  private adoptProven(): void {
    const proven = this.witness.newest();
    if (proven) this.adopt({ epoch: proven.epoch, jws: proven.jws, keys: keysOf(proven.jws) });
  }

  /** What is in the table is served, to third parties unsigned: so only what the anchor signed is taken up. */
  private adoptStored(epoch: number, jws: string): void {
    if (this.witness.read(jws)?.epoch === epoch) this.adopt({ epoch, jws, keys: keysOf(jws) });
    else this.log.error(`the statement of epoch ${epoch} in the database is not ours; it is not served`);
  }

  /**
   * Refuses to go on from a database that went back; to be asked inside the transaction that signs. What this process
   * knows is proof enough for a token, and no file is read: each round and each change reads the copy.
   *
   * @throws AuthError `database_went_back`
   */
  async assertSound(tx: EntityManager): Promise<void> {
    const proven = this.provenEpoch();
    const [state] = await tx.query<{ epoch: string }[]>('SELECT epoch FROM key_set');
    this.judgeEpoch(Number(state?.epoch ?? 0), proven);
    if (this.wentBack) throw new AuthError('database_went_back', { retryAfterSeconds: 60 });
  }

  /** To be read before the database is: while it answers, others here go on. */
  private provenEpoch(): number {
    return Math.max(this.statement?.epoch ?? 0, this.witness.newest()?.epoch ?? 0);
  }

  private judgeEpoch(epoch: number, proven: number): void {
    if (epoch < proven && !this.wentBack) {
      this.log.error(
        `the database is at epoch ${epoch}, but epoch ${proven} was published: it was restored from an older backup. ` +
          'Nothing is signed until "npm run keys -- recover" has been run.',
      );
    }
    this.wentBack = epoch < proven;
  }

  /**
   * Changes the key set in one transaction and issues the statement of it. Retiring keys whose time has come retire
   * with every change. If `step` throws, nothing has happened.
   */
  async change(
    step: ChangeStep,
    { anchor, recover = false }: ChangeOptions = {},
  ): Promise<IssuedStatement | undefined> {
    await this.witness.look();
    const events: (() => void)[] = [];
    const tell: typeof securityEvent = (event, fields) =>
      void events.push(() => securityEvent(event, fields));
    const issued = await this.dataSource.transaction(async (tx) => {
      const state = await tx.findOneOrFail(KeySetState, {
        where: { id: true },
        lock: { mode: 'pessimistic_write' },
      });
      // Under the lock nobody goes on.
      this.judgeEpoch(state.epoch, this.provenEpoch());
      if (this.wentBack && !recover) throw new AuthError('database_went_back', { retryAfterSeconds: 60 });
      if (recover && !this.wentBack) throw new AuthError('nothing_to_recover');
      // Every change holds the lock of the key set, so the rows stay as they are read.
      const rows: KeySet = await tx.find(SigningKey);
      // A recovery ends every key, also those whose key-encryption key is gone since the backup.
      const before = recover ? rows : rows.filter(this.mayStandBy);
      const now = await databaseClock(tx);
      let stopped = false;
      const stopSigning = async () => {
        await holdSigning(tx);
        stopped = true;
        return databaseClock(tx);
      };
      const { epoch, issuedAt } = state;
      const context = { tx, now, stopSigning, epoch, issuedAt, tell };
      const after = await step(retireExpired(before, now), context);
      if (!after) return undefined;
      if (!stopped && activeKey(before) !== activeKey(after))
        throw new Error('the active key changes while tokens may be signed with it');
      await storeKeySet(tx, before, after);
      tellOfKeys(before, after, tell);
      const next = anchor ?? state.anchor;
      if (state.anchor !== null && next !== null && next !== state.anchor)
        tell('anchor.switched', { anchor: next });
      const lastEpoch = Math.max(state.epoch, this.witness.newest()?.epoch ?? 0);
      return this.issue(tx, { epoch: lastEpoch + 1, anchor: next, keys: after, now });
    });
    for (const event of events) event();
    if (!issued) return undefined;
    this.wentBack = false;
    this.adopt(issued);
    return issued;
  }

  private async issue(
    tx: EntityManager,
    { epoch, anchor, keys, now }: { epoch: number; anchor: string | null; keys: KeySet; now: Date },
  ): Promise<IssuedStatement> {
    const { issuer, statementSeconds, maxTokenSeconds } = this.options;
    const active = activeKey(keys);
    // The wrong key-encryption key, or a row that was tampered with. Without its key every good token would be refused.
    if (active && !this.isOurs(active))
      throw new AuthError('no_signing_key', { message: `the active key ${active.kid} does not open` });
    const payload = keySetPayload(keys.filter(this.isOurs), {
      issuer,
      epoch,
      now,
      statementSeconds,
      tombstoneSeconds: maxTokenSeconds + statementSeconds,
      revocations: await revocationRange(tx),
    });
    const signer = this.signers.find(anchor);
    const jws = await signer.signKeySet(payload);
    await tx.update(KeySetState, { id: true }, { epoch, statement: jws, issuedAt: now, anchor: signer.kid });
    return { epoch, jws, keys: payload.keys };
  }

  private opens(key: NewKey): boolean {
    try {
      this.keySeal.open(key);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * A key that somebody prepared in the table without the key-encryption key is as if it were not there. In any other
   * state a key stays in sight, to be revoked.
   */
  private readonly mayStandBy = (key: KeyRecord): boolean => key.status !== 'prepared' || this.isOurs(key);

  /**
   * Whether a key may be published: its seal opens, and holds the private half of a key that signs or is to sign.
   * Writing the table is not enough for that.
   */
  private readonly isOurs = (key: KeyRecord): boolean => {
    if (!isPublished(key)) return true;
    try {
      const isPrivate = this.keySeal.open(key) !== null;
      if (isPrivate || key.status === 'retiring') return true;
      throw new Error('its seal holds no private half');
    } catch (error) {
      if (!this.foreign.has(key.kid))
        this.log.error(`key ${key.kid} is not published: ${(error as Error).message}`);
      this.foreign.add(key.kid);
      return false;
    }
  };

  private adopt(statement: IssuedStatement): void {
    if (statement.epoch <= (this.statement?.epoch ?? 0)) return;
    this.statement = statement;
    void this.witness.keep(statement.jws);
    for (const listener of this.listeners) listener(statement);
  }
}

async function databaseClock(tx: EntityManager): Promise<Date> {
  const [clock] = await tx.query<{ now: Date }[]>('SELECT clock_timestamp() AS now');
  return clock!.now;
}
