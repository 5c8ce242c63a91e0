/**
 * What a verifier keeps from one start to the next: the last accepted statement and, in files beside it, what is
 * revoked. After a restart it accepts nothing older. While auth and NATS are away, it can serve until that statement
 * expires. The ring verifies what is on the disk like everything from the network.
 *
 *   <file>                              the statement
 *   <file>.revocations.<last>.<id>      revocations, one a line; `last` is the highest number
 *   <file>.revoked-keys.<epoch>.<id>    an earlier statement that names a revoked key; later ones no longer name it
 *
 * The files beside the statement are written once and never changed. So replicas that share the folder overwrite
 * nothing of each other.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MAX_REVOCATION_BYTES, MAX_STATEMENT_BYTES, type KeySetStatement } from '#statements';
import type { KeyRing } from './key-ring.js';
import { onlyChanges } from './only-changes.js';
import { readBounded, StatementFile, syncFolder, writeNew } from './statement-file.js';

/** How many revocations one file holds at most. */
const BATCH = 256;
const MAX_BATCH_BYTES = BATCH * (MAX_REVOCATION_BYTES + 1);
const INTERVAL_MS = 1_000;

interface TrustStoreOptions {
  /** Path of the statement. Its folder must exist and belong to this service alone. */
  readonly file: string;
  readonly ring: KeyRing;
  /** Receives a message about each file that is not used, when writing begins to fail, and when it works again. */
  readonly log?: (message: string) => void;
  /** The shortest time between two rounds of writing. Milliseconds; default 1,000. */
  readonly intervalMs?: number;
}

export class TrustStore {
  private readonly file: string;
  private readonly ring: KeyRing;
  private readonly log: (message: string) => void;
  private readonly intervalMs: number;
  private readonly statementFile: StatementFile;
  private readonly stopping = new AbortController();
  private accepted: KeySetStatement | undefined;
  /** What is not on the disk yet. */
  private unsavedStatement: KeySetStatement | undefined;
  private unsavedRevokedKeys: KeySetStatement[] = [];
  private unsavedRevocations: { readonly n: number; readonly jws: string }[] = [];
  private removedBefore = 0;
  private writing: Promise<void> | undefined;
  private readonly report = onlyChanges<string>((fault) =>
    this.log(
      fault === undefined
        ? `the statement file ${this.file} can be written again`
        : `the statement file ${this.file} cannot be written: ${fault}`,
    ),
  );

  constructor({ file, ring, log = () => undefined, intervalMs = INTERVAL_MS }: TrustStoreOptions) {
    this.file = file;
    this.ring = ring;
    this.log = log;
    this.intervalMs = intervalMs;
    this.statementFile = new StatementFile({ path: file, issuer: ring.issuer, anchors: ring.anchors });
  }

  /**
   * Gives the ring what it held before the restart, and from then on keeps what the ring accepts. To be called before
   * the ring receives anything else. Never rejects: a file that cannot be used counts as absent.
   */
  async load(): Promise<void> {
    this.ring.onAccepted((statement) => this.keepStatement(statement));
    for (const name of await this.names('revoked-keys')) {
      await this.offerLines(name, MAX_STATEMENT_BYTES + 1, (line) => this.ring.addRevokedKeys(line));
    }
    await this.offerLines(basename(this.file), MAX_STATEMENT_BYTES, (jws) => this.ring.accept(jws, 'file'));
    for (const name of await this.names('revocations')) {
      await this.offerLines(name, MAX_BATCH_BYTES, (line) => this.ring.revocations.add(line));
    }
    this.ring.revocations.onAdded(({ n }, jws) => this.keepRevocation(n, jws));
  }

  /** Writes what has not been written yet. Never rejects. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.writing;
    this.write();
    await this.writing;
  }

  /** Passes each line of a file to `take`, which returns why it refuses the line. Logs each reason once. */
  private async offerLines(name: string, maxBytes: number, take: (line: string) => string | undefined) {
    const refused = new Set<string>();
    try {
      const lines = (await readBounded(join(dirname(this.file), name), maxBytes)).split('\n');
      // If a writer was killed, the last line may be incomplete. The statement is a single line without a line end.
      if (lines.length > 1) lines.pop();
      for (const line of lines) {
        const reason = take(line);
        if (reason !== undefined) refused.add(reason);
      }
    } catch (error) {
      const reason = reasonOf(error);
      // The file does not exist at the first start, or after another replica removed it because it is not needed any
      // more.
      if (reason !== 'ENOENT') refused.add(reason);
    }
    if (refused.size > 0) this.log(`${name} is not used, or not all of it: ${[...refused].join(', ')}`);
  }

  private keepStatement(next: KeySetStatement): void {
    const named = new Set(next.revoked.map(({ kid }) => kid));
    const { accepted } = this;
    if (accepted?.revoked.some(({ kid }) => !named.has(kid))) this.unsavedRevokedKeys.push(accepted);
    this.accepted = next;
    this.unsavedStatement = next;
    this.write();
  }

  private keepRevocation(n: number, jws: string): void {
    this.unsavedRevocations.push({ n, jws });
    this.write();
  }

  /**
   * Writes in the background, at most one round per interval. After a failure, the next accepted statement or
   * revocation begins again.
   */
  private write(): void {
    this.writing ??= this.writeRounds();
  }

  // `shareRuns` does not fit here: at the end of the process, nothing may wait for the interval.
  private async writeRounds(): Promise<void> {
    // What arrives together is written together.
    await delay(0);
    let isWritten = true;
    while (
      isWritten &&
      (this.unsavedStatement || this.unsavedRevokedKeys.length > 0 || this.unsavedRevocations.length > 0)
    ) {
      isWritten = await this.writeRound();
      await delay(this.intervalMs, undefined, { ref: false, signal: this.stopping.signal }).catch(
        () => undefined,
      );
    }
    // No await since the loop condition: what arrives later finds no run and begins one.
    this.writing = undefined;
  }

  private async writeRound(): Promise<boolean> {
    // Before any write, so that the memory does not fill up while the disk cannot be written.
    this.unsavedRevocations = this.unsavedRevocations.filter(({ n }) => n >= this.lowestNeeded);
    try {
      await this.removeOldRevocations();
      await this.writeRevoked();
      const statement = this.unsavedStatement;
      if (statement) await this.statementFile.replace(statement);
      if (this.unsavedStatement === statement) this.unsavedStatement = undefined;
      this.report(undefined);
      return true;
    } catch (error) {
      this.report(reasonOf(error));
      return false;
    }
  }

  /**
   * Writes revoked keys and revocations. It runs before the statement is replaced, because the replaced statement may
   * be the last proof that a key was revoked.
   */
  private async writeRevoked(): Promise<void> {
    if (this.unsavedRevokedKeys.length === 0 && this.unsavedRevocations.length === 0) return;
    for (let earlier = this.unsavedRevokedKeys[0]; earlier; earlier = this.unsavedRevokedKeys[0]) {
      await writeNew(this.newPath('revoked-keys', earlier.epoch), `${earlier.jws}\n`);
      this.unsavedRevokedKeys.shift();
    }
    while (this.unsavedRevocations.length > 0) {
      const batch = this.unsavedRevocations.slice(0, BATCH);
      const last = Math.max(...batch.map(({ n }) => n));
      await writeNew(this.newPath('revocations', last), batch.map(({ jws }) => `${jws}\n`).join(''));
      this.unsavedRevocations.splice(0, batch.length);
    }
    await syncFolder(dirname(this.file));
  }

  /** The lowest revocation number that still matters. */
  private get lowestNeeded(): number {
    return this.accepted?.revocations.from ?? 0;
  }

  /** Removes revocations that no longer matter, also those that another replica wrote. */
  private async removeOldRevocations(): Promise<void> {
    const { lowestNeeded } = this;
    if (lowestNeeded <= this.removedBefore) return;
    for (const name of await this.names('revocations')) {
      if (this.numberIn(name) < lowestNeeded) await rm(join(dirname(this.file), name), { force: true });
    }
    this.removedBefore = lowestNeeded;
  }

  private newPath(kind: 'revocations' | 'revoked-keys', number: number): string {
    return `${this.file}.${kind}.${number}.${randomUUID()}`;
  }

  /**
   * Lists the files of a kind. Lists none if the folder cannot be read; reading the statement then reports the fault.
   */
  private async names(kind: 'revocations' | 'revoked-keys'): Promise<string[]> {
    const prefix = `${basename(this.file)}.${kind}.`;
    const names = await readdir(dirname(this.file)).catch(() => []);
    return names.filter((name) => name.startsWith(prefix));
  }

  private numberIn(name: string): number {
    return Number(name.split('.').at(-2));
  }
}

/**
 * The code of an error where it has one. A message would contain the name of a draft, which differs at each attempt.
 */
const reasonOf = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
};
