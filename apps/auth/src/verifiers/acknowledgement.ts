/**
 * Reads a message on an acknowledgement subject: an acknowledgement or a goodbye. It has no signature. NATS lets a
 * service publish for its own instances only. A false message can make a rotation or an anchor exchange end earlier or
 * later. It can do nothing else, and its size is bounded.
 */
import { z } from 'zod';
import { MAX_STATEMENT_KEYS } from '#statements';

const MAX_ACK_BYTES = 16 * 1024;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** A thumbprint in base64url. PostgreSQL could refuse other text, and with it the whole batch of rows. */
const kid = z.string().regex(/^[\w-]{1,128}$/);
const ackSchema = z.object({
  epoch: z.int().positive(),
  kids: z.array(kid).max(MAX_STATEMENT_KEYS),
  pins: z.array(kid).max(16),
  /** The time on the clock of the verifier, in ms since 1970. */
  at: z.number().nonnegative(),
});
const goodbyeSchema = z.object({ goodbye: z.literal(true) });

/** One instance of a service. */
export interface InstanceName {
  readonly service: string;
  readonly instance: string;
}

export type Acknowledgement = z.infer<typeof ackSchema> & InstanceName;

/** The instance stops. auth does not wait for it any more. */
export type Goodbye = z.infer<typeof goodbyeSchema> & InstanceName;

export type AckRefusal =
  'too_large' | 'malformed' | 'bad_name' | 'future_epoch' | 'too_many_waiting' | 'too_many_instances';

/**
 * Reads a message on an acknowledgement subject.
 *
 * @param subject `trust.ack.<service>.<instance>`
 * @param lastEpoch the newest epoch that this replica knows. A message with a greater epoch gets `future_epoch`
 */
export function readAcknowledgement(
  subject: string,
  data: Uint8Array,
  lastEpoch: number,
): Acknowledgement | Goodbye | AckRefusal {
  const [, , service = '', instance = '', ...more] = subject.split('.');
  if (!NAME.test(service) || !NAME.test(instance) || more.length > 0) return 'bad_name';
  if (data.length > MAX_ACK_BYTES) return 'too_large';
  const said = parse(data);
  if (!said) return 'malformed';
  if ('epoch' in said && said.epoch > lastEpoch) return 'future_epoch';
  return { ...said, service, instance };
}

/** The name for people: `service/instance`. */
export function nameOf({ service, instance }: InstanceName): string {
  return `${service}/${instance}`;
}

function parse(data: Uint8Array): z.infer<typeof ackSchema> | z.infer<typeof goodbyeSchema> | undefined {
  try {
    const message: unknown = JSON.parse(Buffer.from(data).toString());
    return goodbyeSchema.safeParse(message).data ?? ackSchema.safeParse(message).data;
  } catch {
    return undefined;
  }
}
