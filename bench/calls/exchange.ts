/**
 * What an exchange takes, beside the signatures and the queries that it needs. Both run one after the other on the same
 * system and take turns. The queries are those of auth, sent by the driver alone, on one connection.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Client } from 'pg';
import { ACCESS_TOKEN_TYPE, JWT_BEARER, signAssertion, TOKEN_EXCHANGE, TOKEN_PATH } from '#service-kit';
import { freePortBase } from '../../infra/local/ports.js';
import { removePostgresData } from '../../infra/local/postgres-home.js';
import { startSystem } from '../../infra/local/system.js';
import { readCredentials, readSecret, secretPaths } from '../../infra/system/secrets.js';
import { portClaims } from '../../infra/system/services.js';
import { exchange } from '../../infra/tour/exchange.js';
import { spreadCells, spreadOf, table } from '../summary.js';

/** Rows that the queries name. */
interface Rows {
  readonly kid: string;
  readonly session: string;
}

/** @returns a table in Markdown */
export async function measureExchanges(rounds: number, each: number): Promise<string> {
  const stateDir = mkdtempSync(join(tmpdir(), 'bench-'));
  const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  const system = await startSystem({ stateDir, portBase });
  const database = new Client({
    host: '127.0.0.1',
    port: portBase + 10,
    database: 'auth',
    user: 'auth',
    password: readSecret(secretPaths.runtimePassword(stateDir, 'auth')).trim(),
  });
  try {
    await database.connect();
    const auth = system.urls['auth']!;
    const login = { body: readCredentials(stateDir).demo };
    const { body } = await exchange<{ access_token: string }>('POST', `${auth}/auth/login`, login);
    const rows = await rowsOf(database);
    const needs = requirements(
      database,
      rows,
      createPrivateKey(readSecret(secretPaths.clientKey(stateDir, 'orders'))),
    );
    const keyFile = secretPaths.clientKey(stateDir, 'orders');
    const ask = () =>
      askAuth(`${auth}${TOKEN_PATH}`, { issuer: system.running.issuer, keyFile, token: body.access_token });
    const [taken, needed, ratios]: number[][] = [[], [], []];
    // Until the programs are compiled.
    await repeated(5 * each, ask);
    await repeated(5 * each, needs);
    for (let round = 0; round < rounds; round += 1) {
      const [exchanges, floor] = [await repeated(each, ask), await repeated(each, needs)];
      taken!.push(...exchanges);
      needed!.push(...floor);
      ratios!.push(spreadOf(exchanges).p50 / spreadOf(floor).p50);
    }
    const { p50, min, max } = spreadOf(ratios!);
    const head = ['one exchange', 'p50', 'p99', 'max', 'ratio'];
    return table(head, [
      [
        'auth: over HTTP, with the assertion of the client',
        ...spreadCells(spreadOf(taken!)),
        `${p50.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`,
      ],
      ['its 11 queries in turn, 2 signatures, 1 check', ...spreadCells(spreadOf(needed!)), '1'],
    ]);
  } finally {
    await database.end();
    await system.stop();
    removePostgresData(stateDir);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function rowsOf(database: Client): Promise<Rows> {
  const keys = await database.query<{ kid: string }>(`SELECT kid FROM signing_key WHERE status = 'active'`);
  const sessions = await database.query<{ id: string }>(
    'SELECT id FROM session WHERE ended_at IS NULL LIMIT 1',
  );
  return { kid: keys.rows[0]!.kid, session: sessions.rows[0]!.id };
}

interface Asking {
  readonly issuer: string;
  readonly keyFile: string;
  readonly token: string;
}

async function askAuth(url: string, { issuer, keyFile, token }: Asking): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    signal: AbortSignal.timeout(5_000),
    body: new URLSearchParams({
      grant_type: TOKEN_EXCHANGE,
      client_assertion_type: JWT_BEARER,
      client_assertion: await signAssertion({ client: 'orders', issuer, keyFile }),
      audience: 'inventory',
      subject_token: token,
      subject_token_type: ACCESS_TOKEN_TYPE,
    }),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`an exchange was answered ${response.status}: ${text}`);
}

/** The client signs, auth checks and signs. auth remembers the subject token, so it does not check its signature again. */
function requirements(database: Client, { kid, session }: Rows, clientKey: KeyObject): () => Promise<void> {
  const input = Buffer.alloc(300, 'x');
  const publicKey = createPublicKey(clientKey);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const query = (sql: string, values: unknown[] = []) => database.query(sql, values);
  return async () => {
    const signature = sign('sha256', input, clientKey);
    if (!verify('sha256', input, publicKey, signature)) throw new Error('the signature is wrong');
    await query(
      `SELECT disabled_at, public_jwk, clock_timestamp() FROM client LEFT JOIN client_key
         ON client_id = client.id AND (not_after IS NULL OR not_after > clock_timestamp())
        WHERE client.id = $1 ORDER BY added_at DESC LIMIT 10`,
      ['orders'],
    );
    await query(
      `WITH removed AS (
         DELETE FROM client_assertion WHERE (client_id, jti) IN (
           SELECT client_id, jti FROM client_assertion WHERE expires_at < clock_timestamp() - interval '1 minute'
            ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED))
       INSERT INTO client_assertion (client_id, jti, expires_at) VALUES ('orders', $1, clock_timestamp() + interval '1 minute')
       ON CONFLICT DO NOTHING RETURNING jti`,
      [randomUUID()],
    );
    await query('SELECT * FROM session JOIN account ON account.id = account_id WHERE session.id = $1', [
      session,
    ]);
    await query('BEGIN');
    await query('SELECT pg_advisory_xact_lock_shared(1)');
    await query('SELECT id, disabled_at FROM client WHERE id = ANY($1) ORDER BY id FOR SHARE', [
      ['orders', 'web'],
    ]);
    await query(
      `SELECT EXISTS (SELECT FROM signing_key WHERE kid = $1),
              EXISTS (SELECT FROM revocation WHERE (kind = 'jti' AND value = ANY($2)) OR (kind = 'sid' AND value = $3)
                         OR (kind = 'client_id' AND value = ANY($4)))`,
      [kid, [randomUUID()], session, ['orders', 'web']],
    );
    await query('SELECT pg_advisory_xact_lock_shared(1)');
    await query(`SELECT * FROM signing_key WHERE status = 'active' LIMIT 1 FOR SHARE`);
    await query('SELECT epoch, anchor, clock_timestamp() FROM key_set');
    sign('sha256', input, privateKey);
    await query('COMMIT');
  };
}

/** The times of `count` runs, one after the other, in milliseconds. */
async function repeated(count: number, run: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    await run();
    times.push(performance.now() - begun);
  }
  return times;
}
