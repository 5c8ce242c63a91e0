/** auth as specs run it: the real application over HTTP, one or several replicas of it, with a real database. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { DataSource } from 'typeorm';
import { createHttpApp, createLogger, dataSourceOptions, runMigrations } from '#service-kit';
import {
  client,
  createTestDatabase,
  eventually,
  testSettings,
  type PostgresLogin,
  type TestNats,
} from '#testing';
import { PasswordHasher } from '../src/accounts/password-hasher.js';
import { AuthModule } from '../src/auth.module.js';
import { SERVICE, type AuthSettings } from '../src/config.js';
import { entities, migrations } from '../src/database/index.js';
import { authProblems } from '../src/errors.js';
import type { Role } from '../src/accounts/scopes.js';
import { oauthEndpoints } from '../src/oauth/endpoints.js';
import { CSRF_HEADER, REFRESH_COOKIE } from '../src/sessions/refresh-cookie.js';
import { specPolicy } from './spec-policy.js';
import { openGate } from './tcp-gate.js';

export interface AuthOptions {
  /** Replace the usual ones; a replica's stand over those of the first. */
  readonly settings?: Partial<AuthSettings>;
  /** Without it NATS is away. */
  readonly nats?: TestNats;
}

export type AuthFixture = Awaited<ReturnType<typeof startAuth>>;
export type AuthReplica = Awaited<ReturnType<typeof startReplica>>;

/** A password that the policy takes. */
export const PASSWORD = 'seven lemons on a roof';

/** Starts auth with an empty database and fresh secrets, and waits until it issues tokens. */
export async function startAuth({ settings: overrides, nats }: AuthOptions = {}) {
  const database = await createTestDatabase(SERVICE);
  await runMigrations(dataSourceOptions(loginSettings(database.owner), { entities, migrations }));
  const owner = await new DataSource(
    dataSourceOptions(loginSettings(database.owner), { entities }),
  ).initialize();
  const gate = await openGate(database.runtime.port);
  const settings: AuthSettings = {
    ...freshSettings(),
    ...loginSettings({ ...database.runtime, host: '127.0.0.1', port: gate.port }),
    ...(nats && { natsUrl: nats.url, natsNkeySeed: nats.nkeySeed(SERVICE) }),
    ...overrides,
  };
  const replicas: AuthReplica[] = [];
  // Of all replicas, because Nest's own logger is one for the process.
  const lines: string[] = [];
  const replica = async (more: Partial<AuthSettings> = {}) => {
    const started = await startReplica({ ...settings, ...more }, lines);
    replicas.push(started);
    return started;
  };
  const first = await replica();
  await eventually(async () => (await first.send('GET', '/health/ready')).status === 200);
  const hasher = new PasswordHasher(1);

  return {
    ...first,
    /** The replica that began, whose own ways those above are. */
    first,
    /** A connection as the owner of the tables, which no service ever has. */
    owner,
    /** Logins, for a connection of one's own. */
    logins: { owner: database.owner, runtime: database.runtime },
    /** Everything that was logged so far. */
    logged: () => lines.join(''),
    /** Between auth and its database: shut it and the database is away. */
    database: gate,
    /** Starts another replica on the same database, with the same secrets. */
    replica,
    /** Makes an account without asking the policy; its password is {@link PASSWORD}. */
    async account(role: Role = 'customer', email = `${randomBytes(6).toString('hex')}@example.test`) {
      const passwordHash = await hasher.hash(PASSWORD);
      const [row] = await owner.query<{ id: string }[]>(
        `INSERT INTO account (email, password_hash, roles, created_at) VALUES ($1, $2, $3, now()) RETURNING id`,
        [email, passwordHash, [role]],
      );
      return { id: row!.id, email, password: PASSWORD };
    },
    /** A token by HTTP, of an account made for it. */
    async login(role: Role = 'customer', audience?: string): Promise<string> {
      const { email, password } = await this.account(role);
      const { body } = await first.send('POST', '/auth/login', {
        body: { email, password, ...(audience && { audience }) },
      });
      return body.access_token;
    },
    /** Closes every replica and drops the database. */
    async close() {
      gate.open();
      await Promise.all(replicas.map((each) => each.close()));
      await owner.destroy();
      await gate.close();
      await database.drop();
    },
  };
}

async function startReplica(settings: AuthSettings, lines: string[]) {
  const destination = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(line.toString());
      done();
    },
  });
  const app = await createHttpApp(AuthModule.forRoot(settings, specPolicy), {
    service: SERVICE,
    version: '0.0.0',
    settings,
    problems: authProblems,
    cookies: { name: REFRESH_COOKIE, csrfHeader: CSRF_HEADER },
    oauth: oauthEndpoints,
    logger: createLogger({ service: SERVICE, level: 'trace', destination }),
  });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  let closed: Promise<void> | undefined;
  return {
    app,
    url,
    settings,
    ...client(url, { documented: true }),
    /** The application's own connections, as the runtime role. */
    dataSource: app.get(DataSource, { strict: false }),
    close: () => (closed ??= app.close()),
  };
}

/** A trust anchor, as PEM. */
export function anchorPair(): { private: string; public: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { private: privateKey, public: publicKey };
}

/** Everything but the database, with secrets made anew; NATS is away. */
export function freshSettings(): AuthSettings {
  const anchor = anchorPair();
  return {
    ...testSettings({ host: '127.0.0.1', port: 1, user: 'none', password: 'none', database: 'none' }),
    issuer: 'https://issuer.test',
    issuerFetchUrl: 'https://issuer.test',
    trustAnchorPrivate: [anchor.private],
    statementCopy: undefined,
    rotationSeconds: 0,
    trustAnchorPublic: [anchor.public],
    keyEncryptionKey: [randomBytes(32).toString('base64')],
    signingAlg: 'ES256',
    rsaModulusBits: 2048,
    accessTokenSeconds: 300,
    encryptFor: undefined,
    clockSkewSeconds: 5,
    statementSeconds: 900,
    statementIntervalSeconds: 5,
    countedSeconds: 25,
    jwksMaxAgeSeconds: 300,
    refreshIdleSeconds: 7 * 24 * 3600,
    refreshAbsoluteSeconds: 30 * 24 * 3600,
    refreshGraceSeconds: 10,
    refreshesPerAddress: 600,
    passwordMinLength: 15,
    passwordHashConcurrency: 2,
    failedLoginsPerAccount: 10,
    failedLoginsPerAddress: 1_000,
    failedLoginWindowSeconds: 900,
    registrationsPerAddress: 1_000,
    registrationWindowSeconds: 900,
    resources: [
      { audience: 'orders', url: 'https://orders.test' },
      { audience: 'inventory', url: 'https://inventory.test' },
    ],
  };
}

function loginSettings({ host, port, database, user, password }: PostgresLogin) {
  return {
    databaseHost: host,
    databasePort: port,
    databaseName: database,
    databaseUser: user,
    databasePassword: password,
    databasePoolSize: 10,
    databaseStatementTimeoutMs: 5_000,
    databaseConnectTimeoutMs: 1_000,
    databaseConnectionSeconds: 1_800,
  };
}
