/**
 * What an exchange takes at auth, beside a token endpoint that does only what an exchange needs: the same queries with the
 * driver alone, one signature to check, one to make. Both are asked over HTTP by the same client, on the same system, in turns.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Client } from 'pg';
import { ACCESS_TOKEN_TYPE, JWT_BEARER, signAssertion, TOKEN_EXCHANGE, TOKEN_PATH } from '#service-kit';
import { freePortBase } from '../../infra/local/ports.js';
import { removePostgresData } from '../../infra/local/postgres-home.js';
import { startSystem } from '../../infra/local/system.js';
import { projectRoot } from '../../infra/project.js';
import { readCredentials, readSecret, secretPaths } from '../../infra/system/secrets.js';
import { portClaims } from '../../infra/system/services.js';
import { exchange } from '../../infra/tour/exchange.js';
import { spreadCells, spreadOf, table } from '../summary.js';
import type { EndpointFacts } from './least-endpoint.js';

/** V8 has compiled what runs often by then. */
const warmUp = 2_000;

/** @returns a table in Markdown */
export async function measureExchanges(rounds: number, each: number): Promise<string> {
  const stateDir = mkdtempSync(join(tmpdir(), 'bench-'));
  const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  const system = await startSystem({ stateDir, portBase });
  const database = {
    host: '127.0.0.1',
    port: portBase + 10,
    database: 'auth',
    user: 'auth',
    password: readSecret(secretPaths.runtimePassword(stateDir, 'auth')).trim(),
  };
  const ending = new AbortController();
  try {
    const auth = system.urls['auth']!;
    const login = { body: readCredentials(stateDir).demo };
    const { body } = await exchange<{ access_token: string }>('POST', `${auth}/auth/login`, login);
    const least = await startEndpoint({ database, ...(await rowsOf(database)) }, ending.signal);
    const asking = {
      issuer: system.running.issuer,
      keyFile: secretPaths.clientKey(stateDir, 'orders'),
      token: body.access_token,
    };
    const askAuth = () => ask(`${auth}${TOKEN_PATH}`, asking);
    const askLeast = () => ask(least, asking);
    const [taken, needed, ratios]: number[][] = [[], [], []];
    for (const way of [askAuth, askLeast]) await repeated(warmUp, way);
    for (let round = 0; round < rounds; round += 1) {
      const [exchanges, floor] = [await repeated(each, askAuth), await repeated(each, askLeast)];
      taken!.push(...exchanges);
      needed!.push(...floor);
      ratios!.push(spreadOf(exchanges).p50 / spreadOf(floor).p50);
    }
    const { p50, min, max } = spreadOf(ratios!);
    return table(
      ['one exchange over HTTP, with the assertion of the client', 'p50', 'p99', 'max', 'ratio'],
      [
        [
          'auth',
          ...spreadCells(spreadOf(taken!)),
          `${p50.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`,
        ],
        [
          'the least: 10 queries in 7 round trips, 1 check, 1 signature',
          ...spreadCells(spreadOf(needed!)),
          '1',
        ],
      ],
    );
  } finally {
    ending.abort();
    await system.stop();
    removePostgresData(stateDir);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** Returns the URL of the endpoint that does the least. The signal ends it. */
async function startEndpoint(facts: EndpointFacts, signal: AbortSignal): Promise<string> {
  const program = join(projectRoot, 'dist/bench/calls/least-endpoint.js');
  const child = fork(program, { signal, env: { ...process.env, NODE_ENV: 'production' } });
  child.on('error', (error) => {
    if (error.name !== 'AbortError') throw error;
  });
  child.send(facts);
  const [{ url }] = (await once(child, 'message', { signal: AbortSignal.timeout(10_000) })) as [
    { url: string },
  ];
  return url;
}

/** The rows of the system that the queries name. */
async function rowsOf(config: EndpointFacts['database']): Promise<Pick<EndpointFacts, 'kid' | 'session'>> {
  const database = new Client(config);
  try {
    await database.connect();
    const keys = await database.query<{ kid: string }>(`SELECT kid FROM signing_key WHERE status = 'active'`);
    const live = 'SELECT id FROM session WHERE ended_at IS NULL LIMIT 1';
    const sessions = await database.query<{ id: string }>(live);
    return { kid: keys.rows[0]!.kid, session: sessions.rows[0]!.id };
  } finally {
    await database.end();
  }
}

interface Asking {
  readonly issuer: string;
  readonly keyFile: string;
  readonly token: string;
}

async function ask(url: string, { issuer, keyFile, token }: Asking): Promise<void> {
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
