import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { verifyKeySetStatement, type Anchor, type KeySetStatement } from '#statements';
import { onlyChanges } from '#trust';

export interface ProvenStatementOptions {
  /** The file of the statement copy. Without it only NATS and the memory of this process prove what was published. */
  readonly file?: string | undefined;
  /** False for a command: it may run as another user, and auth could not read its file. */
  readonly isWriter: boolean;
}

/**
 * The newest statement that is proven to be published. It does not come from the database: it comes from the statement
 * copy, from NATS or from this process. So {@link EpochGuard} can notice a database that was restored from a backup. A
 * statement counts only if a trust anchor of auth signed it. A copy that cannot be read proves nothing and stops
 * nothing. This is logged once, and the next statement replaces the copy.
 */
export class ProvenStatement {
  private readonly log = new Logger('keys');
  private newestSeen: KeySetStatement | undefined;
  private saving: Promise<void> = Promise.resolve();
  private readonly faults: { read?: string | undefined; write?: string | undefined } = {};
  private readonly tell = onlyChanges<string>((fault) => {
    if (fault === undefined) this.log.log('the statement copy can be read and written again');
    else this.log.error(`${fault}; auth may not notice a database that is restored from a backup`);
  });

  constructor(
    private readonly issuer: string,
    private readonly anchors: readonly Anchor[],
    private readonly options: ProvenStatementOptions,
  ) {}

  /** Why the statement copy cannot be used. Undefined if it can, or if no file is configured. */
  get fault(): string | undefined {
    return this.faults.read ?? this.faults.write;
  }

  /** The newest proven statement that this process knows. */
  newest(): KeySetStatement | undefined {
    return this.newestSeen;
  }

  /** Reads the statement copy, which another replica may have replaced. Never rejects. */
  async readCopy(): Promise<void> {
    await this.takeCopy();
  }

  /**
   * Takes a statement from any source. Returns its epoch if a trust anchor of auth signed it. Its age does not matter:
   * an expired statement is a proof, too.
   */
  take(jws: string): number | undefined {
    const statement = jws === this.newestSeen?.jws ? this.newestSeen : this.verify(jws);
    if (statement && statement.epoch > (this.newestSeen?.epoch ?? 0)) this.newestSeen = statement;
    return statement?.epoch;
  }

  /** Verifies a statement, apart from its age. Returns undefined if none of auth's anchors signed it. */
  verify(jws: string): KeySetStatement | undefined {
    const { issuer, anchors } = this;
    try {
      return verifyKeySetStatement(jws, { issuer, anchors, now: 0, held: this.newestSeen?.keys ?? [] });
    } catch {
      return undefined;
    }
  }

  /**
   * Takes a committed statement and writes the copy. Never rejects: statements are published also if the disk is full.
   */
  save(jws: string): Promise<void> {
    this.take(jws);
    if (this.options.isWriter) this.saving = this.saving.then(() => this.writeCopy());
    return this.saving;
  }

  /** Takes the statement of the copy. Returns its epoch, or 0 if there is no copy that can be read. */
  private async takeCopy(): Promise<number> {
    if (this.options.file === undefined) return 0;
    let [epoch, fault]: [number | undefined, string | undefined] = [undefined, undefined];
    try {
      epoch = this.take(await readFile(this.options.file, 'utf8'));
      if (epoch === undefined) fault = 'it holds no statement of this issuer';
    } catch (error) {
      // The file does not exist before the first statement.
      if (codeOf(error) !== 'ENOENT') fault = codeOf(error);
    }
    this.report({ read: fault && `the statement copy cannot be read: ${fault}` });
    return epoch ?? 0;
  }

  /** Writes another file and renames it. So a crash leaves the old copy or the new one. */
  private async writeCopy(): Promise<void> {
    const { file } = this.options;
    const copied = await this.takeCopy();
    if (file === undefined || !this.newestSeen || this.newestSeen.epoch <= copied) return;
    // The name is random, because replicas share the folder, and their process ids may be equal in containers.
    const temporary = `${file}.${randomUUID()}`;
    try {
      await writeFile(temporary, this.newestSeen.jws, { mode: 0o600 });
      await rename(temporary, file);
      this.report({ read: undefined, write: undefined });
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      this.report({ write: `the statement copy cannot be written: ${codeOf(error)}` });
    }
  }

  private report(faults: ProvenStatement['faults']): void {
    Object.assign(this.faults, faults);
    this.tell(this.fault);
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? (error as Error).message;
