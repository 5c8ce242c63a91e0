/** All that an experiment needs: a PostgreSQL, a NATS, an issuer, and a fleet for each way. All of it is real. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { startTestNats, type PostgresLogin } from '#testing';
import { startThrowAwayPostgres } from '../../../infra/local/throw-away-postgres.js';
import { SESSIONS_TABLE } from '../ways/session-in-store.js';
import type { Facts, WayName } from '../ways/way.js';
import { Fleet } from './fleet.js';
import { Issuer } from './issuer.js';

export class Lab {
  private readonly endings: (() => Promise<unknown>)[] = [];
  readonly fleets = {} as Record<WayName, Fleet>;
  issuer!: Issuer;
  postgres!: PostgresLogin;
  /** Stops the store while everything else runs on. */
  stopStore!: () => Promise<void>;

  /** Starts all of it. If something does not start, what has started is stopped. */
  static async start(): Promise<Lab> {
    const lab = new Lab();
    try {
      await lab.begin();
      return lab;
    } catch (error) {
      await lab.stop();
      throw error;
    }
  }

  /** Runs SQL in the store, beside the instances. */
  async sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new Client({ ...this.postgres, connectionTimeoutMillis: 5_000, query_timeout: 60_000 });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async rowsInStore(): Promise<number> {
    const [row] = await this.sql<{ count: string }>('SELECT count(*) FROM sessions');
    return Number(row!.count);
  }

  /** Bytes of the table with its indexes. */
  async storeBytes(): Promise<number> {
    const [row] = await this.sql<{ bytes: string }>(`SELECT pg_total_relation_size('sessions') AS bytes`);
    return Number(row!.bytes);
  }

  /** Stores the same rows that logins would, all at once. Returns their ids. */
  async storeSessions(accounts: readonly string[]): Promise<string[]> {
    const ids = accounts.map(() => randomBytes(32).toString('base64url'));
    const rows = `SELECT *, now() + interval '30 min' FROM unnest($1::text[], $2::text[])`;
    await this.sql(`INSERT INTO sessions ${rows}`, [ids, accounts]);
    return ids;
  }

  /** In the order opposite to the start. */
  async stop(): Promise<void> {
    for (const end of this.endings.reverse()) await end().catch(() => undefined);
  }

  private async begin(): Promise<void> {
    const { superuser, stop } = await startThrowAwayPostgres();
    this.endings.push(stop);
    this.stopStore = stop;
    this.postgres = { ...superuser, database: 'postgres' };
    await this.sql(SESSIONS_TABLE);
    const nats = await startTestNats();
    this.endings.push(() => nats.close());
    const issuer = await Issuer.start(nats);
    this.endings.push(() => issuer.stop());
    this.issuer = issuer;
    await this.startFleet({ way: 'memory' });
    await this.startFleet({ way: 'store', postgres: this.postgres });
    await this.startFleet({ way: 'shared-secret', secret: randomBytes(32).toString('base64url') });
    await this.startFleet(issuer.facts, issuer);
    // Otherwise nobody of this way stays logged in. The experiment about this turns it off.
    this.fleets.memory.balancer.sticky = true;
  }

  private async startFleet(facts: Facts, issuer?: Issuer): Promise<void> {
    const fleet = await Fleet.start(facts, issuer);
    this.endings.push(() => fleet.stop());
    this.fleets[facts.way] = fleet;
  }
}
