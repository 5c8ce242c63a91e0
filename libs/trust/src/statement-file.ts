/**
 * The file of the last accepted statement. Several replicas share it without a lock, because a crash could leave a lock
 * behind. A writer replaces the file by renaming a draft onto it. The file never goes back to an older statement.
 *
 * Why it never goes back: a writer makes its draft, then removes the drafts of older statements, then reads the file,
 * and renames last. Take another writer with an older statement. If it made its draft before this removal, its draft is
 * gone, and it cannot rename. If it made its draft later, it sees the newer draft or the newer file, and gives up.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import * as nodeFiles from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MAX_STATEMENT_BYTES, verifyKeySetStatement, type Anchor, type KeySetStatement } from '#statements';

/** The functions of node:fs/promises that are used here. A spec can replace them. */
export type Files = Pick<typeof nodeFiles, 'open' | 'readdir' | 'rename' | 'rm' | 'stat'>;

interface StatementFileOptions {
  readonly path: string;
  readonly issuer: string;
  readonly anchors: readonly Anchor[];
  readonly files?: Files;
}

/**
 * A writer renames its draft within moments. A draft that is older than this, or from the future, has no writer any
 * more.
 */
const DRAFT_LIFE_MS = 60_000;

/** The order of statements: by the position of the anchor, then by the epoch. */
type Rank = Pick<KeySetStatement, 'pinIndex' | 'epoch'>;

export class StatementFile {
  private readonly path: string;
  private readonly options: StatementFileOptions;
  private readonly files: Files;
  /** The content of the file when it was last read. */
  private known: KeySetStatement | undefined;

  constructor(options: StatementFileOptions) {
    this.path = options.path;
    this.options = options;
    this.files = options.files ?? nodeFiles;
  }

  /** Puts a verified statement into the file, unless the file or another writer has a newer one. */
  async replace(next: KeySetStatement): Promise<void> {
    if (!(await this.isOlder(next))) return;
    const { files, path } = this;
    const draft = `${path}.draft.${this.options.anchors[next.pinIndex]!.thumbprint}.${next.epoch}.${randomUUID()}`;
    await writeNew(draft, next.jws, files);
    try {
      if ((await this.hasNewerDraft(next)) || !(await this.isOlder(next))) return;
      await files.rename(draft, path);
      this.known = next;
      await syncFolder(dirname(path), files);
    } catch (error) {
      // The writer of a newer statement removed our draft.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    } finally {
      await files.rm(draft, { force: true });
    }
  }

  /** Whether the file holds an older statement than `next`, or no valid one. */
  private async isOlder(next: Rank): Promise<boolean> {
    const present = await this.present();
    return present === undefined || isNewer(next, present);
  }

  private async present(): Promise<KeySetStatement | undefined> {
    try {
      const jws = await readBounded(this.path, MAX_STATEMENT_BYTES, this.files);
      if (jws === this.known?.jws) return this.known;
      // An expired statement counts too: it keeps older ones out.
      return (this.known = verifyKeySetStatement(jws, { ...this.options, now: 0 }));
    } catch {
      return undefined;
    }
  }

  /**
   * Whether another writer has a draft of a newer statement. Removes drafts of older statements and abandoned drafts.
   * The name of a draft must not block the file for ever, because anybody who could once write here can make up a name.
   * A writer whose draft was removed does not rename.
   */
  private async hasNewerDraft(next: Rank): Promise<boolean> {
    const folder = dirname(this.path);
    for (const name of await this.files.readdir(folder)) {
      const rank = this.rankOfDraft(name);
      if (!rank) continue;
      const isBarring = isNewer(rank, next);
      if (isBarring && !(await this.isAbandoned(join(folder, name)))) return true;
      if (isBarring || isNewer(next, rank)) await this.files.rm(join(folder, name), { force: true });
    }
    return false;
  }

  private async isAbandoned(draft: string): Promise<boolean> {
    try {
      const { mtimeMs } = await this.files.stat(draft);
      return Math.abs(Date.now() - mtimeMs) > DRAFT_LIFE_MS;
    } catch {
      // Its writer has just renamed or removed it. The caller reads the file next.
      return true;
    }
  }

  private rankOfDraft(name: string): Rank | undefined {
    const prefix = `${basename(this.path)}.draft.`;
    if (!name.startsWith(prefix)) return undefined;
    const [kid, epoch] = name.slice(prefix.length).split('.');
    // An anchor that is not pinned here has position -1, before all others.
    return {
      pinIndex: this.options.anchors.findIndex(({ thumbprint }) => thumbprint === kid),
      epoch: Number(epoch),
    };
  }
}

function isNewer(a: Rank, b: Rank): boolean {
  return a.pinIndex > b.pinIndex || (a.pinIndex === b.pinIndex && a.epoch > b.epoch);
}

/** Reads the text of a file. @throws Error if it is longer than `maxBytes`, or cannot be read */
export async function readBounded(path: string, maxBytes: number, files: Files = nodeFiles): Promise<string> {
  // O_NONBLOCK, because opening a pipe would otherwise wait for its writer for ever.
  const file = await files.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw new Error('not a regular file');
    // One byte beyond the limit is enough to know that the file is too large.
    const buffer = Buffer.alloc(Math.min(facts.size, maxBytes + 1));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Creates a file and waits until it is on the disk. @throws Error if the file exists, or cannot be written */
export async function writeNew(path: string, text: string, files: Files = nodeFiles): Promise<void> {
  const file = await files.open(path, 'wx', 0o600);
  try {
    await file.writeFile(text, 'latin1');
    await file.sync();
  } catch (error) {
    // On a full disk, every attempt would otherwise leave an incomplete file behind.
    await files.rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Waits until the names of the files in a folder are on the disk. */
export async function syncFolder(path: string, files: Files = nodeFiles): Promise<void> {
  const folder = await files.open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
