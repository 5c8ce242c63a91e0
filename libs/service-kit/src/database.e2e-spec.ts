/** Runs against a real PostgreSQL, through a proxy that can be cut. */
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { Controller, Get, Inject, Module } from '@nestjs/common';
import { TypeOrmModule, getRepositoryToken } from '@nestjs/typeorm';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Column, DataSource, Entity, PrimaryColumn, Repository } from 'typeorm';
import type { TestDatabase } from '#testing';
import { createTestDatabase, eventually } from '#testing';
import { Public } from '#trust/nest';
import { databaseCheck } from './database-check.js';
import { dataSourceOptions, runMigrations } from './database.js';
import { databaseModule } from './database.module.js';
import { HealthModule, type HealthReport } from './health.js';
import { createHttpApp } from './http-app.js';
import { keysetPage, pageQuery } from './paging.js';
import type { DatabaseSettings } from './setting-groups.js';

@Entity('note')
class Note {
  @PrimaryColumn('uuid')
  id!: string;
  @Column({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}

class CreateNote1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE note (id uuid PRIMARY KEY, "createdAt" timestamptz(3) NOT NULL)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE note');
  }
}

/**
 * A proxy between the service and PostgreSQL. When it is cut, the server seems to have died. While it is silent, it
 * keeps every connection and sends no byte, so the host seems to have vanished.
 */
class Proxy {
  private readonly sockets = new Set<Socket>();
  private server = createServer();
  private silent = false;
  port = 0;

  constructor(private readonly target: { host: string; port: number }) {}

  async start(): Promise<void> {
    this.server = createServer((client) => {
      const upstream = connect(this.target);
      for (const socket of [client, upstream]) {
        this.sockets.add(socket.on('error', () => undefined).on('close', () => this.sockets.delete(socket)));
      }
      if (!this.silent) client.pipe(upstream).pipe(client);
    });
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Earlier connections stay silent when the proxy works again, because a host that came back does not know them. */
  fallSilent(): void {
    this.silent = true;
    for (const socket of this.sockets) socket.unpipe();
  }

  speak(): void {
    this.silent = false;
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

@Public()
@Controller('notes')
class NoteController {
  constructor(@Inject(getRepositoryToken(Note)) private readonly notes: Repository<Note>) {}

  @Get()
  async count() {
    return { count: await this.notes.count() };
  }
}

let database: TestDatabase;
let proxy: Proxy;
let app: NestFastifyApplication | undefined;

const settingsOf = (login: TestDatabase['owner'], port = login.port) => ({
  databaseHost: '127.0.0.1',
  databasePort: port,
  databaseName: login.database,
  databaseUser: login.user,
  databasePassword: login.password,
  databasePoolSize: 3,
  databaseStatementTimeoutMs: 500,
  databaseConnectTimeoutMs: 1000,
  databaseConnectionSeconds: 1800,
});
const migrationOptions = () =>
  dataSourceOptions(settingsOf(database.owner), { entities: [Note], migrations: [CreateNote1700000000000] });

beforeAll(async () => {
  database = await createTestDatabase('kit');
  proxy = new Proxy(database.runtime);
  await proxy.start();
});
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(async () => {
  await proxy.cut();
  await database.drop();
});

async function startApp(more: Partial<DatabaseSettings> = {}): Promise<string> {
  @Module({
    imports: [
      databaseModule({ ...settingsOf(database.runtime, proxy.port), ...more }, [Note]),
      TypeOrmModule.forFeature([Note]),
      HealthModule.forRoot({
        inject: [DataSource],
        checks: (dataSource: DataSource) => [databaseCheck(dataSource)],
      }),
    ],
    controllers: [NoteController],
  })
  class NoteModule {}
  const settings = { bodyLimitBytes: 65536, corsAllowedOrigins: [], logLevel: 'silent' as const };
  app = await createHttpApp(NoteModule, { service: 'notes', version: '1', settings });
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}
const statusOf = async (url: string) => (await fetch(url)).status;

describe('runMigrations', () => {
  it('runs each once, also when several start at the same time', async () => {
    const runs = await Promise.all([runMigrations(migrationOptions()), runMigrations(migrationOptions())]);
    expect(runs.flat()).toEqual(['CreateNote1700000000000']);
    expect(await runMigrations(migrationOptions())).toEqual([]);
  });

  it('says what is wrong with the login, at once', async () => {
    const wrong = { ...migrationOptions(), password: 'wrong' };
    await expect(runMigrations(wrong)).rejects.toThrow(/password authentication failed/);
  });
});

describe('databaseModule', () => {
  it('serves from the database, as the runtime role, with statements bounded', async () => {
    const url = await startApp();
    expect(await (await fetch(`${url}/notes`)).json()).toEqual({ count: 0 });
    const dataSource = app!.get(DataSource);
    await expect(dataSource.query('CREATE TABLE mine (a int)')).rejects.toThrow(/permission denied/);
    for (const largeObject of ['lo_creat(-1)', 'lo_create(0)', `lo_from_bytea(0, '')`])
      await expect(dataSource.query(`SELECT ${largeObject}`)).rejects.toThrow(/permission denied/);
    await expect(dataSource.query('SELECT pg_sleep(5)')).rejects.toThrow(/statement timeout/);
  });

  it('starts without its database, says 503, and uses it when it is there', async () => {
    await proxy.cut();
    const url = await startApp();
    expect(await statusOf(`${url}/health/live`)).toBe(200);
    expect(await statusOf(`${url}/health/ready`)).toBe(503);
    const answer = await fetch(`${url}/notes`);
    expect(await answer.json()).toMatchObject({ status: 503, code: 'database_unavailable' });
    expect(answer.headers.get('retry-after')).toBe('1');
    await proxy.start();
    await eventually(async () => (await statusOf(`${url}/health/ready`)) === 200);
    expect(await statusOf(`${url}/notes`)).toBe(200);
  });

  it('outlives the loss of its database, and recovers', async () => {
    const url = await startApp();
    expect(await statusOf(`${url}/notes`)).toBe(200);
    await proxy.cut();
    expect(await statusOf(`${url}/notes`)).toBe(503);
    expect(await statusOf(`${url}/health/ready`)).toBe(503);
    await proxy.start();
    await eventually(async () => (await statusOf(`${url}/notes`)) === 200);
    await eventually(async () => (await statusOf(`${url}/health/ready`)) === 200);
  });

  it('is ready while its connections are merely busy', async () => {
    const url = await startApp({ databaseStatementTimeoutMs: 5000 });
    const readiness = async () => {
      const answer = await fetch(`${url}/health/ready`);
      const { checks } = (await answer.json()) as HealthReport;
      return { http: answer.status, database: checks['database'] };
    };
    expect(await readiness()).toEqual({ http: 200, database: { status: 'up' } });
    const users = [1, 2, 3].map(() => app!.get(DataSource).createQueryRunner());
    await Promise.all(users.map((user) => user.connect()));
    const busy = { status: 'degraded', reason: 'busy' };
    await eventually(async () => expect(await readiness()).toEqual({ http: 200, database: busy }));
    await Promise.all(users.map((user) => user.release()));
    await eventually(async () =>
      expect(await readiness()).toEqual({ http: 200, database: { status: 'up' } }),
    );
  });

  it('outlives a database host that vanishes: a connection without an answer is not used again', async () => {
    const url = await startApp();
    const onAllConnections = () => Promise.all([1, 2, 3].map(() => statusOf(`${url}/notes`)));
    expect(await onAllConnections()).toEqual([200, 200, 200]);
    proxy.fallSilent();
    const dataSource = app!.get(DataSource);
    const abandoned = dataSource.transaction(async (tx) => tx.query('SELECT 1'));
    const refused = expect(abandoned).rejects.toThrow('Query read timeout');
    expect(await Promise.all([statusOf(`${url}/notes`), statusOf(`${url}/notes`)])).toEqual([503, 503]);
    await refused;
    await eventually(async () => (await statusOf(`${url}/health/ready`)) === 503);
    proxy.speak();
    expect(await onAllConnections()).toEqual([200, 200, 200]);
  });

  it('uses no connection for longer than its life', async () => {
    await startApp({ databaseConnectionSeconds: 1 });
    const dataSource = app!.get(DataSource);
    const server = async () => (await dataSource.query('SELECT pg_backend_pid() AS pid'))[0].pid as number;
    const first = await server();
    expect(await server()).toBe(first);
    await eventually(async () => (await server()) !== first);
  });

  it('has the server look after silent connections, whose locks it frees when the client is gone', async () => {
    await startApp();
    const [row] = await app!.get(DataSource).query('SHOW tcp_keepalives_idle');
    expect(row).toEqual({ tcp_keepalives_idle: '10' });
  });

  it('closes while it still tries to connect', async () => {
    await proxy.cut();
    await startApp();
    await app!.close();
    app = undefined;
    await proxy.start();
  });
});

describe('keysetPage', () => {
  it('walks through all rows once, those of one instant too', async () => {
    await startApp();
    const notes = app!.get<Repository<Note>>(getRepositoryToken(Note));
    const ids = Array.from({ length: 7 }, (_, n) => `00000000-0000-4000-8000-00000000000${n}`);
    // Three times of creation, so that pages end between rows of the same time.
    await notes.insert(ids.map((id, n) => ({ id, createdAt: new Date(Date.UTC(2026, 0, 1, 0, 0, n % 3)) })));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query = pageQuery.parse({ limit: 2, ...(cursor && { cursor }) });
      const page = await keysetPage(notes.createQueryBuilder('note'), query);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen.map((id) => Number(id.at(-1)))).toEqual([5, 2, 4, 1, 6, 3, 0]);
  });

  it('refuses a query that joins, of which a page would be short', async () => {
    await startApp();
    const notes = app!.get<Repository<Note>>(getRepositoryToken(Note));
    const joined = notes.createQueryBuilder('note').innerJoin(Note, 'other', 'other.id = note.id');
    await expect(keysetPage(joined, pageQuery.parse({}))).rejects.toThrow('takes no joins');
  });
});
