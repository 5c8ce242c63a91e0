/**
 * Many verifiers in one process: each has a subscription and acknowledgements of its own. The instances of a service
 * share a connection and a key ring, so that a statement is verified once a service; a thousand verifications on the
 * processor that auth runs on would measure themselves. Started by `fork`; it grows when told to, and ends with its parent.
 */
import { ackSubject, KEYSET_SUBJECT, readAnchor } from '#statements';
import { KeyRing } from '#trust';
import { connectNats } from '#trust/nats';

/** What the parent says. auth counts at most 64 instances of a service. */
export interface Grow {
  readonly issuer: string;
  readonly natsUrl: string;
  readonly anchor: string;
  readonly verifiers: readonly {
    readonly service: string;
    readonly instance: string;
    readonly nkeySeed: string;
  }[];
}

/** What it answers once all have a statement: the CPU time that this process has used so far. */
export interface Grown {
  readonly cpuSeconds: number;
}

const services = new Map<string, ReturnType<typeof startService>>();

process.on('message', (order: Grow) => void grow(order));
process.once('disconnect', () => process.exit(0));

async function grow(order: Grow): Promise<void> {
  await Promise.all(
    order.verifiers.map(async ({ service, instance, nkeySeed }) => {
      const { ring, link } = services.get(service) ?? startService(service, nkeySeed, order);
      const connection = await link.connection;
      await new Promise<void>((resolve) => {
        const acknowledge = (jws: string) => {
          if (ring.accept(jws, 'nats') !== undefined) return;
          const { epoch, keys, pins } = ring.facts();
          const ack = { epoch, kids: keys.map(({ kid }) => kid), pins, at: Date.now() };
          connection.publish(ackSubject(service, instance), JSON.stringify(ack));
          resolve();
        };
        connection.subscribe(KEYSET_SUBJECT, {
          callback: (error, message) => (error ? undefined : acknowledge(message.string())),
        });
      });
    }),
  );
  const { user, system } = process.cpuUsage();
  process.send!({ cpuSeconds: (user + system) / 1e6 } satisfies Grown);
}

function startService(service: string, nkeySeed: string, { issuer, natsUrl, anchor }: Grow) {
  const started = {
    ring: new KeyRing({ issuer, anchors: [readAnchor(anchor)] }),
    link: connectNats({ servers: natsUrl, nkeySeed, service }),
  };
  services.set(service, started);
  return started;
}
