/**
 * The newest statement that this replica knows of, issued by itself or by another replica. It is served also while the
 * database is away.
 */
import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { KeySetPayload } from '#statements';
import { keysOf } from '../anchor/own-statement.js';
import { EpochGuard } from './epoch-guard.js';
import { ProvenStatement } from './proven-statement.js';

/** A statement that was committed. */
export interface IssuedStatement {
  readonly epoch: number;
  readonly jws: string;
  readonly keys: KeySetPayload['keys'];
}

@Injectable()
export class NewestStatement {
  private readonly log = new Logger('keys');
  private readonly listeners: ((statement: IssuedStatement) => void)[] = [];
  private statement: IssuedStatement | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly guard: EpochGuard,
    private readonly proven: ProvenStatement,
  ) {}

  /** Undefined until the first. */
  get current(): IssuedStatement | undefined {
    return this.statement;
  }

  /** Calls `listener` with each statement that is newer than all before. */
  onNewer(listener: (statement: IssuedStatement) => void): void {
    this.listeners.push(listener);
  }

  /** Takes a statement that was committed, unless a newer one is held. */
  adopt(statement: IssuedStatement): void {
    if (statement.epoch <= (this.statement?.epoch ?? 0)) return;
    this.statement = statement;
    this.guard.remember(statement.epoch);
    void this.proven.save(statement.jws);
    for (const listener of this.listeners) listener(statement);
  }

  /**
   * Takes a statement that another replica has committed.
   *
   * @returns the age in seconds of the last statement in the database; infinite if there is none
   */
  async refresh(): Promise<number> {
    await this.readCopy();
    const proven = this.guard.provenEpoch();
    const [state] = await this.dataSource.query<{ epoch: string; statement: string | null; age: number }[]>(
      'SELECT epoch, statement, extract(epoch FROM clock_timestamp() - issued_at)::float8 AS age FROM key_set',
    );
    const epoch = Number(state?.epoch ?? 0);
    this.guard.compare(epoch, proven);
    if (this.guard.databaseWentBack) this.adoptProven();
    if (!state?.statement) return Infinity;
    if (epoch > (this.statement?.epoch ?? 0)) this.adoptStored(epoch, state.statement);
    return state.age;
  }

  /** Reads the copy of the last statement beside the anchor, which another replica may have replaced. Never rejects. */
  readCopy(): Promise<void> {
    return this.proven.readCopy();
  }

  /** The statement of a database that went back may hold a key that was revoked since. So the newest proven one is served. */
  private adoptProven(): void {
    const proven = this.proven.newest();
    if (proven) this.adopt({ epoch: proven.epoch, jws: proven.jws, keys: keysOf(proven.jws) });
  }

  /** Takes only what our anchor signed: it is served to third parties as a plain JWK set, which is not signed. */
  private adoptStored(epoch: number, jws: string): void {
    if (this.proven.verify(jws)?.epoch === epoch) this.adopt({ epoch, jws, keys: keysOf(jws) });
    else this.log.error(`the statement of epoch ${epoch} in the database is not ours; it is not served`);
  }
}
