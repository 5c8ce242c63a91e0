/**
 * Somebody who sees what the verifiers see, and measures beside them. It divides the time of a revocation into the time
 * until its statement is out, and the time after that. It also measures what no revocation can be faster than: one
 * commit of PostgreSQL and one message to NATS and back, on the same busy machine.
 */
import { performance } from 'node:perf_hooks';
import type { NatsConnection } from '@nats-io/transport-node';
import { DataSource } from 'typeorm';
import { connectNats, dataSourceOptions, type NatsLink } from '#service-kit';
import { KEYSET_SUBJECT } from '#statements';
import type { BenchSystem } from './bench-system.js';

/** The name of its account in NATS. */
export const BYSTANDER = 'bystander';

const logger = { info: () => undefined, warn: () => undefined };

export class Bystander {
  private readonly arrivals = new Map<number, number>();

  private constructor(
    private readonly link: NatsLink,
    private readonly nats: NatsConnection,
    private readonly database: DataSource,
  ) {
    nats.subscribe(KEYSET_SUBJECT, {
      callback: (error, message) => {
        if (!error) this.arrivals.set(epochOf(message.string()), performance.now());
      },
    });
  }

  static async start(bench: BenchSystem): Promise<Bystander> {
    const options = dataSourceOptions(bench.ownerLogin(), { entities: [] });
    const database = await new DataSource(options).initialize();
    await database.query('CREATE TABLE bench_commit AS SELECT 0 AS n');
    const { natsUrl, nkeySeed } = bench.verifierFacts();
    const link = connectNats({
      servers: natsUrl,
      nkeySeed: nkeySeed(BYSTANDER),
      name: BYSTANDER,
      inboxPrefix: `_INBOX_${BYSTANDER}`,
      logger,
    });
    return new Bystander(link, await link.connection, database);
  }

  /** When the statement with this epoch arrived, in ms of `performance.now()`. Undefined while it has not. */
  arrivedAt(epoch: number): number | undefined {
    return this.arrivals.get(epoch);
  }

  /** One commit, then a PING to NATS and its PONG. Returns the milliseconds. */
  async commitAndDeliver(): Promise<number> {
    const begun = performance.now();
    await this.database.query('UPDATE bench_commit SET n = n + 1');
    await this.nats.flush();
    return performance.now() - begun;
  }

  async stop(): Promise<void> {
    await this.link.close();
    await this.database.destroy();
  }
}

function epochOf(jws: string): number {
  const payload = Buffer.from(jws.split('.')[1]!, 'base64url').toString();
  return (JSON.parse(payload) as { epoch: number }).epoch;
}
