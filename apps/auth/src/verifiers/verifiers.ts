/**
 * Whom a rotation waits for, and what each of them holds, as told by acknowledgements. Bounded in number, since these
 * are unsigned: a service cannot make auth remember more than {@link MAX_INSTANCES} instances.
 */
import { nameOf, type Acknowledgement, type InstanceName } from './acknowledgement.js';

const MAX_INSTANCES = 64;

export interface Verifier extends Acknowledgement {
  /** When auth last heard of it, by the monotonic clock of this process, in ms. */
  readonly seenAt: number;
  /** Its clock against ours at the moment we heard of it, in ms; transit is part of it. */
  readonly clockSkewMs: number;
}

export class Verifiers {
  private readonly known = new Map<string, Verifier>();

  /**
   * @param countedMs how long after its last acknowledgement a verifier is waited for
   * @param clock monotonic: a step of the wall clock must not empty the count, nor keep the silent in it
   */
  constructor(
    private readonly countedMs: number,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** Counts whoever has acknowledged now. Returns undefined if its service has too many instances. */
  hear(ack: Acknowledgement, clockSkewMs = 0): Verifier | undefined {
    const verifier = { ...ack, clockSkewMs, seenAt: this.clock() };
    return this.remember(verifier) ? verifier : undefined;
  }

  /** Takes in what was heard elsewhere, if it is news. Returns false if the service has too many instances. */
  remember(verifier: Verifier): boolean {
    const id = nameOf(verifier);
    const held = this.known.get(id);
    if (held && held.seenAt >= verifier.seenAt) return true;
    if (!held && !this.makeRoom(verifier.service)) return false;
    this.known.set(id, verifier);
    return true;
  }

  /** Waits no more for an instance that has said goodbye. Returns false if it was not known. */
  forget(name: InstanceName): boolean {
    return this.known.delete(nameOf(name));
  }

  /** Everyone that is waited for. */
  counted(): Verifier[] {
    return [...this.known.values()].filter((verifier) => this.isCounted(verifier));
  }

  /** Names of the counted verifiers for which `holds` is false. */
  lacking(holds: (verifier: Verifier) => boolean): string[] {
    return this.counted()
      .filter((verifier) => !holds(verifier))
      .map(nameOf);
  }

  private isCounted({ seenAt }: Verifier): boolean {
    return this.clock() - seenAt < this.countedMs;
  }

  /** Forgets a silent instance if the service is full, and refuses if none is silent. */
  private makeRoom(service: string): boolean {
    const instances = [...this.known].filter(([, verifier]) => verifier.service === service);
    if (instances.length < MAX_INSTANCES) return true;
    const silent = instances.find(([, verifier]) => !this.isCounted(verifier));
    if (silent) this.known.delete(silent[0]);
    return silent !== undefined;
  }
}
