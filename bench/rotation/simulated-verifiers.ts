/**
 * Many verifiers in one process: each has a key ring, the statement feed and a NATS connection of its own, as in a real
 * service, but no HTTP. Started by `fork`; it grows when it is told to, and ends with its parent.
 */
import pLimit from 'p-limit';
import { connectNats } from '#service-kit';
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

const logger = { info: () => undefined, warn: () => undefined };

process.on('message', (order: Grow) => void grow(order));
process.once('disconnect', () => process.exit(0));

async function grow({ issuer, natsUrl, anchor, verifiers }: Grow): Promise<void> {
  // More than so many at once, and some would not be greeted in time and begin again.
  await pLimit(20).map(verifiers, async ({ service, instance, nkeySeed }) => {
    const ring = new KeyRing({ issuer, anchors: [readAnchor(anchor)] });
    const inboxPrefix = `_INBOX_${service}`;
    const link = connectNats({ servers: natsUrl, nkeySeed, name: instance, inboxPrefix, logger });
    const nats = { connection: link.connection, service, instance };
    const fetch = () => Promise.reject(new Error('a simulated verifier has no HTTP'));
    const first = new Promise<void>((resolve) => ring.onAccepted(() => resolve()));
    new StatementFeed({ ring, nats, fetch, fetchUrl: issuer }).start();
    await first;
  });
  const { user, system } = process.cpuUsage();
  process.send!({ cpuSeconds: (user + system) / 1e6 } satisfies Grown);
}
