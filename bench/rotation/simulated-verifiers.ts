/**
 * Many verifiers in one process: each has a key ring, a subscription and acknowledgements of its own, as in a real service,
 * but no HTTP, and the instances of one service share a connection. Started by `fork`; it grows when it is told to, and ends with its parent.
 */
import { connectNats, type NatsLink } from '#service-kit';
import { readAnchor } from '#statements';
import { KeyRing, StatementFeed } from '#trust';

/** What the parent says. Instances of one service share its account; auth counts at most 64 of them. */
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

const links = new Map<string, NatsLink>();
const logger = { info: () => undefined, warn: () => undefined };

process.on('message', (order: Grow) => void grow(order));
process.once('disconnect', () => process.exit(0));

async function grow({ issuer, natsUrl, anchor, verifiers }: Grow): Promise<void> {
  await Promise.all(
    verifiers.map(({ service, instance, nkeySeed }) => {
      const ring = new KeyRing({ issuer, anchors: [readAnchor(anchor)] });
      const { connection } = linkOf(service, natsUrl, nkeySeed);
      const fetch = () => Promise.reject(new Error('a simulated verifier has no HTTP'));
      const first = new Promise<void>((resolve) => ring.onAccepted(() => resolve()));
      new StatementFeed({ ring, nats: { connection, service, instance }, fetch, fetchUrl: issuer }).start();
      return first;
    }),
  );
  const { user, system } = process.cpuUsage();
  process.send!({ cpuSeconds: (user + system) / 1e6 } satisfies Grown);
}

function linkOf(service: string, servers: string, nkeySeed: string): NatsLink {
  const inboxPrefix = `_INBOX_${service}`;
  const link = links.get(service) ?? connectNats({ servers, nkeySeed, name: service, inboxPrefix, logger });
  links.set(service, link);
  return link;
}
