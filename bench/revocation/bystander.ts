/** Hears what the verifiers hear, and looks into the database of auth: where the time of a logout goes. */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { NatsConnection } from '@nats-io/transport-node';
import { DataSource } from 'typeorm';
import { connectNats, dataSourceOptions, type NatsLink } from '#service-kit';
import { REVOCATION_SUBJECTS } from '#statements';
import { readSecret, secretPaths } from '../../infra/system/secrets.js';
import type { RunningSystem } from '../../infra/local/system.js';
import { decode } from '../../infra/tour/tokens.js';

const logger = { info: () => undefined, warn: () => undefined };

export class Bystander {
  private readonly arrivals = new Map<string, number>();

  private constructor(
    private readonly link: NatsLink,
    private readonly nats: NatsConnection,
    /** auth's database, as its owner. */
    readonly database: DataSource,
  ) {
    nats.subscribe(REVOCATION_SUBJECTS, {
      callback: (error, message) => {
        const arrivedAt = performance.now();
        if (error) return;
        // auth may publish a revocation twice. Only the first time is news.
        const sid = sidOf(message.string());
        if (!this.arrivals.has(sid)) this.arrivals.set(sid, arrivedAt);
      },
    });
  }

  static async start({ running }: RunningSystem, stateDir: string): Promise<Bystander> {
    const login = {
      databaseHost: '127.0.0.1',
      databasePort: running.postgres.port,
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
      servers: `nats://127.0.0.1:${running.nats.port}`,
      nkeySeed: readSecret(join(secretPaths.of(stateDir, 'orders'), 'nats.nk')).trim(),
      name: 'bystander',
      inboxPrefix: '_INBOX_orders',
      logger,
    });
    return new Bystander(link, await link.connection, database);
  }

  /** When the revocation of this session arrived over NATS. Undefined if it did not. */
  arrivedAt(sid: string): number | undefined {
    return this.arrivals.get(sid);
  }

  /** When auth had the lock of the counter of revocations, by session, on the clock of `performance.now()`. */
  async numberedAt(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database.query<{ value: string; at: number }[]>(
      'SELECT value, extract(epoch FROM created_at)::float8 * 1000 AS at FROM revocation',
    );
    return new Map(rows.map(({ value, at }) => [value, at - performance.timeOrigin]));
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

function sidOf(jws: string): string {
  return (decode(jws).claims['sub_id'] as { id: string }).id;
}
