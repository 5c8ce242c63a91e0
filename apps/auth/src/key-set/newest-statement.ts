/**
 * The newest statement that this replica knows. This replica or another one issued it. auth serves it also while the
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

  /** The newest statement. Undefined before the first one. */
  get current(): IssuedStatement | undefined {
    return this.statement;
  }

  /** Calls `listener` with each statement that is newer than all statements before it. */
  onNewer(listener: (statement: IssuedStatement) => void): void {
    this.listeners.push(listener);
  }

  /** Takes a committed statement, unless it already holds the same or a newer one. */
  adopt(statement: IssuedStatement): void {
    if (statement.epoch <= (this.statement?.epoch ?? 0)) return;
    this.statement = statement;
    this.guard.remember(statement.epoch);
    void this.proven.save(statement.jws);
    for (const listener of this.listeners) listener(statement);
  }

  /**
   * Takes the last statement of the database, which another replica may have issued.
   *
   * @returns the age of this statement in seconds; Infinity if there is none
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

  /** Reads the statement copy, which another replica may have replaced. Never rejects. */
  readCopy(): Promise<void> {
    return this.proven.readCopy();
  }

  /**
   * Takes the newest proven statement. The statement of a database that went back may hold a key that is revoked now.
   */
  private adoptProven(): void {
    const proven = this.proven.newest();
    if (proven) this.adopt({ epoch: proven.epoch, jws: proven.jws, keys: keysOf(proven.jws) });
  }

  /**
   * Takes a statement of the database only if a trust anchor signed it: third parties get its keys without a signature.
   */
  private adoptStored(epoch: number, jws: string): void {
    if (this.proven.verify(jws)?.epoch === epoch) this.adopt({ epoch, jws, keys: keysOf(jws) });
    else
      this.log.error(
        `the statement with epoch ${epoch} in the database is not signed by a trust anchor; auth does not serve it`,
      );
  }
}
