import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { verifyKeySetStatement, type Anchor, type KeySetStatement } from '#statements';

/**
 * Remembers the newest statement outside the database: as a file beside the trust anchor, and as NATS tells it. A
 * database that is older than its own statements was restored from a backup; going on from there would bring revoked
 * keys back and use epochs twice. What a witness says counts only under the anchor's signature.
 */
export class EpochWitness {
  private newestSeen: KeySetStatement | undefined;

  /** @param file where the copy is kept; without it only NATS and this process's memory bear witness */
  constructor(
    private readonly issuer: string,
    private readonly anchors: readonly Anchor[],
    private readonly file: string | undefined,
  ) {}

  /** The newest statement there is proof of. */
  newest(): KeySetStatement | undefined {
    if (this.file !== undefined && existsSync(this.file)) this.hear(readFileSync(this.file, 'utf8'));
    return this.newestSeen;
  }

  /**
   * Takes in a statement from anywhere, and gives its epoch if it is ours. Its age does not matter: an expired one is
   * proof as well.
   */
  hear(jws: string): number | undefined {
    const statement = jws === this.newestSeen?.jws ? this.newestSeen : this.read(jws);
    if (statement && statement.epoch > (this.newestSeen?.epoch ?? 0)) this.newestSeen = statement;
    return statement?.epoch;
  }

  /** A statement that one of our anchors signed; undefined for one of another installation, or a forgery. */
  read(jws: string): KeySetStatement | undefined {
    try {
      return verifyKeySetStatement(jws, { issuer: this.issuer, anchors: this.anchors, now: 0 });
    } catch {
      return undefined;
    }
  }

  /** Keeps a statement that was committed; by rename, so that a crash leaves the old copy or the new one. */
  keep(jws: string): void {
    const before = this.newest()?.epoch ?? 0;
    this.hear(jws);
    if (this.file === undefined || (this.newestSeen?.epoch ?? 0) <= before) return;
    // Replicas share the folder, and each may be process 7 of its container.
    const temporary = `${this.file}.${randomUUID()}`;
    writeFileSync(temporary, this.newestSeen!.jws, { mode: 0o600 });
    renameSync(temporary, this.file);
  }
}
