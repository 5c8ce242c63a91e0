/**
 * The verifiers that a rotation waits for, and what each of them holds according to its acknowledgements. These are not
 * signed. So auth remembers at most {@link MAX_INSTANCES} instances of one service.
 */
import { nameOf, type Acknowledgement, type InstanceName } from './acknowledgement.js';

const MAX_INSTANCES = 64;

export interface Verifier extends Acknowledgement {
  /** The time of its last acknowledgement, in ms of the monotonic clock of this process. */
  readonly seenAt: number;
  /** How far its clock was ahead of the clock of this process, in ms. The time on the network is part of it. */
  readonly clockSkewMs: number;
}

export class Verifiers {
  private readonly known = new Map<string, Verifier>();

  /**
   * @param countedMs how long a verifier is counted after its last acknowledgement
   * @param clock monotonic, so that a change of the wall clock does not change who is counted
   */
  constructor(
    private readonly countedMs: number,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** Counts a verifier that acknowledges now. Returns undefined if its service has too many instances. */
  hear(ack: Acknowledgement, clockSkewMs = 0): Verifier | undefined {
    const verifier = { ...ack, clockSkewMs, seenAt: this.clock() };
    return this.remember(verifier) ? verifier : undefined;
  }

  /** Takes an acknowledgement that is newer than the held one. Returns false if the service has too many instances. */
  remember(verifier: Verifier): boolean {
    const id = nameOf(verifier);
    const held = this.known.get(id);
    if (held && held.seenAt >= verifier.seenAt) return true;
    if (!held && !this.makeRoom(verifier.service)) return false;
    this.known.set(id, verifier);
    return true;
  }

  /** Forgets an instance that has said goodbye. Returns false if it was not known. */
  forget(name: InstanceName): boolean {
    return this.known.delete(nameOf(name));
  }

  /** The verifiers that acknowledged within `countedMs`. */
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

  /** Makes a place for one more instance: forgets one that is not counted any more. Returns false if there is none. */
  private makeRoom(service: string): boolean {
    const instances = [...this.known].filter(([, verifier]) => verifier.service === service);
    if (instances.length < MAX_INSTANCES) return true;
    const gone = instances.find(([, verifier]) => !this.isCounted(verifier));
    if (gone) this.known.delete(gone[0]);
    return gone !== undefined;
  }
}
