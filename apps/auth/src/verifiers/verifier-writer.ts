/**
 * Writes acknowledgements and goodbyes to the database, one batch at a time. A service may send them under many
 * different names, so the number of names of one service that wait to be written is bounded.
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
  /** By service and instance. For an instance that has said goodbye it holds the name only. */
  private readonly unsaved = new Map<string, Map<string, Verifier | InstanceName>>();
  private timer: NodeJS.Timeout | undefined;
  private isWriting = false;
  private isStopped = false;

  constructor(private readonly write: (changes: VerifierChanges) => Promise<void>) {}

  /**
   * Takes a change, which is written soon. The last change of an instance counts. An instance beyond the bound is not
   * written. An anchor exchange still waits for it, by the row of {@link VerifierPinsService} for all others. A
   * rotation still waits for it, because each replica counts it in memory.
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

  /** Writes one batch. If that fails, the batch is dropped: verifiers acknowledge every heartbeat. */
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
