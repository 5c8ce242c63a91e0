/**
 * Who verifies, and what each of them holds, as told by acknowledgements. These are unsigned and believed for the
 * channel: NATS lets a service acknowledge for itself only. The worst a false one does is to hasten or delay a
 * rotation, so they are bounded in size and number and believed in nothing else.
 */
import { z } from 'zod';
import { MAX_STATEMENT_KEYS } from '#statements';

const MAX_ACK_BYTES = 16 * 1024;
const MAX_INSTANCES = 64;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** A thumbprint in base64url; anything else PostgreSQL might refuse to keep, and all that comes along with it. */
const kid = z.string().regex(/^[\w-]{1,128}$/);
const ackSchema = z.object({
  epoch: z.int().positive(),
  kids: z.array(kid).max(MAX_STATEMENT_KEYS),
  pins: z.array(kid).max(16),
  at: z.number().nonnegative(),
});

export interface Verifier extends z.infer<typeof ackSchema> {
  readonly service: string;
  readonly instance: string;
  /** When auth last heard of it, by auth's clock, in ms. */
  readonly seenAt: number;
}

export type AckRefusal = 'too_large' | 'malformed' | 'bad_name' | 'future_epoch' | 'too_many_instances';

export class Verifiers {
  private readonly known = new Map<string, Verifier>();

  /** @param countedMs how long after its last acknowledgement a verifier is waited for */
  constructor(
    private readonly countedMs: number,
    private readonly clock: () => number = Date.now,
  ) {}

  /**
   * Takes in an acknowledgement.
   *
   * @param subject `trust.ack.<service>.<instance>`
   * @param lastEpoch the newest epoch there is: an acknowledgement of a later one is a lie
   */
  hear(subject: string, data: Uint8Array, lastEpoch: number): Verifier | AckRefusal {
    const [, , service = '', instance = '', ...more] = subject.split('.');
    if (!NAME.test(service) || !NAME.test(instance) || more.length > 0) return 'bad_name';
    if (data.length > MAX_ACK_BYTES) return 'too_large';
    const ack = parseAck(data);
    if (!ack) return 'malformed';
    if (ack.epoch > lastEpoch) return 'future_epoch';
    const verifier = { ...ack, service, instance, seenAt: this.clock() };
    return this.remember(verifier) ? verifier : 'too_many_instances';
  }

  /** Takes in what was heard elsewhere, if it is news. Returns false if the service has too many instances. */
  remember(verifier: Verifier): boolean {
    const id = `${verifier.service}.${verifier.instance}`;
    const held = this.known.get(id);
    if (held && held.seenAt >= verifier.seenAt) return true;
    if (!held && !this.makeRoom(verifier.service)) return false;
    this.known.set(id, verifier);
    return true;
  }

  /** Everyone that is waited for. */
  counted(): Verifier[] {
    return [...this.known.values()].filter((verifier) => this.isCounted(verifier));
  }

  /** Names of the counted verifiers for which `holds` is false. */
  lacking(holds: (verifier: Verifier) => boolean): string[] {
    return this.counted()
      .filter((verifier) => !holds(verifier))
      .map(({ service, instance }) => `${service}/${instance}`);
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

function parseAck(data: Uint8Array): z.infer<typeof ackSchema> | undefined {
  try {
    return ackSchema.safeParse(JSON.parse(Buffer.from(data).toString())).data;
  } catch {
    return undefined;
  }
}
