/**
 * Somebody who hears what the verifiers hear, and measures beside them. It divides the time of a change into the time
 * until its message is on NATS, and the time after that. It also measures what no change can be faster than: one commit
 * of PostgreSQL and one message to NATS and back, on the same busy machine.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { NatsConnection } from '@nats-io/transport-node';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '#service-kit';
import { connectNats, type NatsLink } from '#trust/nats';
import { readSecret, secretPaths } from '../infra/system/secrets.js';

/** Where a bystander looks and listens. `Name` is what tells two messages apart, such as an epoch. */
export interface BystanderOptions<Name> {
  readonly stateDir: string;
  readonly postgresPort: number;
  readonly natsPort: number;
  /** The service whose account it uses in NATS. */
  readonly account: string;
  readonly subject: string;
  readonly nameOf: (jws: string) => Name;
}

export class Bystander<Name> {
  private readonly arrivals = new Map<Name, number>();

  private constructor(
    private readonly link: NatsLink,
    private readonly nats: NatsConnection,
    /** auth's database, as its owner. */
    readonly database: DataSource,
    { subject, nameOf }: BystanderOptions<Name>,
  ) {
    nats.subscribe(subject, {
      callback: (error, message) => {
        const arrivedAt = performance.now();
        if (error) return;
        // auth may publish a message twice. Only the first time is news.
        const name = nameOf(message.string());
        if (!this.arrivals.has(name)) this.arrivals.set(name, arrivedAt);
      },
    });
  }

  static async start<Name>(options: BystanderOptions<Name>): Promise<Bystander<Name>> {
    const { stateDir, postgresPort, natsPort, account } = options;
    const login = {
      databaseHost: '127.0.0.1',
      databasePort: postgresPort,
      databaseName: 'auth',
      databaseUser: 'auth_owner',
      databasePassword: readSecret(secretPaths.ownerPassword(stateDir, 'auth')).trim(),
      databasePoolSize: 1,
      databaseConnectTimeoutMs: 5_000,
      databaseStatementTimeoutMs: 60_000,
      databaseConnectionSeconds: 3_600,
    };
    const database = await new DataSource(dataSourceOptions(login, { entities: [] })).initialize();
    await database.query('CREATE TABLE bench_commit AS SELECT 0 AS n');
    const link = connectNats({
      servers: `nats://127.0.0.1:${natsPort}`,
      nkeySeed: readSecret(join(secretPaths.of(stateDir, account), 'nats.nk')).trim(),
      service: account,
      instance: 'bystander',
    });
    return new Bystander(link, await link.connection, database, options);
  }

  /** When the message with this name arrived, in ms of `performance.now()`. Undefined while it has not. */
  arrivedAt(name: Name): number | undefined {
    return this.arrivals.get(name);
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
