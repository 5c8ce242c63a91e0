/**
 * Writes what was heard of verifiers to the database, in batches and one batch at a time. A service may say hello and
 * goodbye under ever new names, so the names of one service that wait to be written are bounded.
 */
import { Logger } from '@nestjs/common';
import { MAX_REMEMBERED } from './verifier-pins.service.js';
import type { InstanceName } from './acknowledgement.js';
import type { Verifier } from './verifiers.js';

export const FLUSH_MS = 200;

export interface VerifierChanges {
  readonly heard: readonly Verifier[];
  readonly left: readonly InstanceName[];
}

export class VerifierWriter {
  private readonly log = new Logger('acknowledgements');
  /** By service and instance; of an instance that has said goodbye the name alone. */
  private readonly unsaved = new Map<string, Map<string, Verifier | InstanceName>>();
  private timer: NodeJS.Timeout | undefined;
  private isWriting = false;
  private isStopped = false;

  constructor(private readonly write: (changes: VerifierChanges) => Promise<void>) {}

  /**
   * Takes a word to be written soon; the last word of an instance counts. One beyond the bound is not written: an
   * anchor exchange waits for it by the row that stands for all others, and a rotation by what each replica has heard.
   */
  save(change: Verifier | InstanceName): void {
    const changes = this.unsaved.get(change.service) ?? new Map<string, Verifier | InstanceName>();
    if (!changes.has(change.instance) && changes.size >= MAX_REMEMBERED) return;
    this.unsaved.set(change.service, changes.set(change.instance, change));
    this.schedule();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private schedule(): void {
    if (this.isWriting || this.isStopped) return;
    this.timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  /** What cannot be saved now comes again with the next heartbeat, or is counted no more by then. */
  private async flush(): Promise<void> {
    this.timer = undefined;
    this.isWriting = true;
    const changes = [...this.unsaved.values()].flatMap((instances) => [...instances.values()]);
    this.unsaved.clear();
    try {
      const heard = changes.filter((change) => 'seenAt' in change);
      await this.write({ heard, left: changes.filter((change) => !('seenAt' in change)) });
    } catch (error) {
      this.log.warn(`acknowledgements could not be saved: ${(error as Error).message}`);
    }
    this.isWriting = false;
    if (this.unsaved.size > 0) this.schedule();
  }
}
