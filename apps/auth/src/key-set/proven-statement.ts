import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { verifyKeySetStatement, type Anchor, type KeySetStatement } from '#statements';
import { onlyChanges } from '#trust';

export interface ProvenStatementOptions {
  /** Where the copy is kept; without it only NATS and this process's memory bear witness. */
  readonly file?: string | undefined;
  /** False for a command: it may run as another user, and auth could not read what it writes. */
  readonly isWriter: boolean;
}

/**
 * Remembers the newest statement outside the database: as a file beside the trust anchor, and as NATS tells it. A
 * database that is older than its own statements was restored from a backup; going on from there would bring revoked
 * keys back and use epochs twice. What a witness says counts only under the anchor's signature. A copy that cannot be
 * read is an absent witness and stops nothing: it is told once, and replaced by the next statement.
 */
export class ProvenStatement {
  private readonly log = new Logger('keys');
  private newestSeen: KeySetStatement | undefined;
  private saving: Promise<void> = Promise.resolve();
  private readonly faults: { read?: string | undefined; write?: string | undefined } = {};
  private readonly tell = onlyChanges<string>((fault) => {
    if (fault === undefined) this.log.log('the copy of the last statement is kept again');
    else this.log.error(`${fault}; a database that is restored may go unnoticed`);
  });

  constructor(
    private readonly issuer: string,
    private readonly anchors: readonly Anchor[],
    private readonly options: ProvenStatementOptions,
  ) {}

  /** Why the copy bears no witness; undefined while it does, or where none is kept. */
  get fault(): string | undefined {
    return this.faults.read ?? this.faults.write;
  }

  /** The newest statement there is proof of, as far as this process knows. */
  newest(): KeySetStatement | undefined {
    return this.newestSeen;
  }

  /** Reads the statement copy, which another replica may have replaced. Never rejects. */
  async readCopy(): Promise<void> {
    await this.takeCopy();
  }

  /**
   * Takes in a statement from anywhere, and gives its epoch if it is ours. Its age does not matter: an expired one is
   * proof as well.
   */
  take(jws: string): number | undefined {
    const statement = jws === this.newestSeen?.jws ? this.newestSeen : this.verify(jws);
    if (statement && statement.epoch > (this.newestSeen?.epoch ?? 0)) this.newestSeen = statement;
    return statement?.epoch;
  }

  /** A statement that one of our anchors signed; undefined for one of another installation, or a forgery. */
  verify(jws: string): KeySetStatement | undefined {
    try {
      return verifyKeySetStatement(jws, { issuer: this.issuer, anchors: this.anchors, now: 0 });
    } catch {
      return undefined;
    }
  }

  /** Keeps a statement that was committed. Never rejects: a full disk must not keep statements from those who wait. */
  save(jws: string): Promise<void> {
    this.take(jws);
    if (this.options.isWriter) this.saving = this.saving.then(() => this.writeCopy());
    return this.saving;
  }

  /** The epoch of the copy; 0 if there is none that can be read. */
  private async takeCopy(): Promise<number> {
    if (this.options.file === undefined) return 0;
    let [epoch, fault]: [number | undefined, string | undefined] = [undefined, undefined];
    try {
      epoch = this.take(await readFile(this.options.file, 'utf8'));
      if (epoch === undefined) fault = 'it holds no statement of ours';
    } catch (error) {
      // There is none before the first statement.
      if (codeOf(error) !== 'ENOENT') fault = codeOf(error);
    }
    this.report({ read: fault && `the copy of the last statement cannot be read: ${fault}` });
    return epoch ?? 0;
  }

  /** By rename, so that a crash leaves the old copy or the new one. */
  private async writeCopy(): Promise<void> {
    const { file } = this.options;
    const copied = await this.takeCopy();
    if (file === undefined || !this.newestSeen || this.newestSeen.epoch <= copied) return;
    // Replicas share the folder, and each may be process 7 of its container.
    const temporary = `${file}.${randomUUID()}`;
    try {
      await writeFile(temporary, this.newestSeen.jws, { mode: 0o600 });
      await rename(temporary, file);
      this.report({ read: undefined, write: undefined });
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      this.report({ write: `no copy of the last statement can be kept: ${codeOf(error)}` });
    }
  }

  private report(faults: ProvenStatement['faults']): void {
    Object.assign(this.faults, faults);
    this.tell(this.fault);
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? (error as Error).message;
