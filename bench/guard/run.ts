/**
 * `npm run bench:guard`: what the protection of a route costs, side by side in one run. Each round starts one server
 * process for each lane, so that no lane profits from what the compiler learned for another. The server has one core and
 * the load has the other. It writes the result into bench/RESULTS.md. `-- --quick` compares fewer, and only prints.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { createTestIssuer } from '#testing';
import { startThrowAwayPostgres } from '../../infra/local/throw-away-postgres.js';
import { projectRoot } from '../../infra/project.js';
import { circumstances } from '../circumstances.js';
import { writeMeasured } from '../results-file.js';
import { barChart } from './chart.js';
import { insideTable, type GuardTimes } from './inside.js';
import { connections, loadProgram, send } from './load.js';
import { fullPlan, quickPlan, type Alg, type Lane } from './plan.js';
import { inside, protections, type ServerFacts } from './protections.js';
import { compare, tableOf, type Compared, type Measured } from './report.js';
import { ServerProcess } from './server-process.js';

const REPEATED = 1_000;
/** More than any cache of the comparison holds. */
const NEW = 12_000;

const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;
const plan = quick ? quickPlan : fullPlan;
const facts = circumstances([
  '@nestjs/core',
  'fastify',
  'fast-jwt',
  'jsonwebtoken',
  'jose',
  'aws-jwt-verify',
]);
const begun = Date.now();
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
const fresh = new Map<string, string[]>();
const issuers = { ES256: createTestIssuer({ alg: 'ES256' }), RS256: createTestIssuer({ alg: 'RS256' }) };
const sessions = Array.from({ length: REPEATED }, () => randomBytes(32).toString('base64url'));
const { superuser, stop } = await startThrowAwayPostgres();
const postgres = { ...superuser, database: 'postgres' };
// It signs tokens and sends the load. wrk, which it starts, stays on the same core.
pin(process.pid, 1);
try {
  await storeSessions();
  const measured = new Map<Lane, { perSecond: number[]; cpuMicroseconds: number[] }>(
    plan.lanes.map((lane) => [lane, { perSecond: [], cpuMicroseconds: [] }]),
  );
  for (let round = 1; round <= plan.rounds; round += 1) {
    fresh.clear();
    for (const [lane, results] of measured) {
      const { perSecond, cpuMicroseconds } = await measure(lane);
      results.perSecond.push(perSecond);
      results.cpuMicroseconds.push(cpuMicroseconds);
    }
    console.log(`round ${round} of ${plan.rounds}`);
  }
  const compared = compare([...measured].map(([lane, results]): Measured => ({ ...lane, ...results })));
  report(compared, await measureInside());
} finally {
  await stop();
  rmSync(folder, { recursive: true, force: true });
}

function report(compared: readonly Compared[], times: GuardTimes): void {
  const seconds = Math.round((Date.now() - begun) / 1000);
  const algs = [...new Set(compared.map(({ alg }) => alg))];
  const tables = algs.map(
    (alg) => `${headingOf(alg)}\n\n${tableOf(compared.filter((row) => row.alg === alg))}`,
  );
  const text = [
    `Measured ${new Date().toISOString().slice(0, 10)} in ${seconds} s, ${plan.rounds} rounds; load by ${loadProgram}, ${connections} connections; load average at the end ${loadavg()[0]!.toFixed(2)}:`,
    facts,
    ...tables,
    `### Inside one server, ES256\n\n${insideTable(times)}`,
  ].join('\n\n');
  console.log(`\n${text}`);
  if (quick) return;
  writeMeasured('guard', text);
  const bars = compared
    .filter(({ alg }) => alg === 'ES256')
    .map(({ title, rate }) => ({
      title,
      value: rate.p50,
      highlighted: title.startsWith('Signet'),
    }));
  const heading = 'Requests a second, as a ratio to the same route without a guard (ES256)';
  writeFileSync(join(projectRoot, 'bench/guard.svg'), `${barChart(heading, bars)}\n`);
}

function headingOf(alg: Alg): string {
  return alg === 'ES256' ? '### ES256, and what needs no signature' : `### ${alg}`;
}

async function measure(lane: Lane): Promise<{ perSecond: number; cpuMicroseconds: number }> {
  const { carries, path = '/work' } = protections[lane.protection]!;
  const server = await ServerProcess.start(lane.protection, factsFor(lane.alg));
  try {
    pin(server.pid, 0);
    const credentials = carries === 'session' ? sessions : tokensFor(lane);
    const load = (credentials: readonly string[], seconds: number) =>
      send({ url: server.url + path, credentials, seconds }, folder);
    await load(credentials.slice(0, REPEATED), plan.warmUpSeconds);
    const before = await server.cpuSeconds();
    const measuredCredentials = lane.repeated ? credentials : credentials.slice(REPEATED);
    const { requests, perSecond } = await load(measuredCredentials, plan.seconds);
    const cpu = (await server.cpuSeconds()) - before;
    return { perSecond, cpuMicroseconds: (cpu / requests) * 1e6 };
  } finally {
    await server.stop();
  }
}

/** The time of each guard inside one server, for tokens and sessions that repeat. */
async function measureInside(): Promise<GuardTimes> {
  fresh.clear();
  const server = await ServerProcess.start(inside.title, factsFor('ES256'));
  try {
    pin(server.pid, 0);
    const tokens = tokensFor({ protection: inside.title, alg: 'ES256', repeated: true });
    const credentials = tokens.flatMap((token, i) => [token, sessions[i]!]);
    const load = { url: `${server.url}${inside.path}`, credentials };
    await send({ ...load, seconds: 3 }, folder);
    await server.guardTimes();
    await send({ ...load, seconds: 5 }, folder);
    return await server.guardTimes();
  } finally {
    await server.stop();
  }
}

/** Of this round. They live for 300 s. */
function tokensFor({ alg, repeated }: Lane): string[] {
  const name = `${alg} ${repeated}`;
  const made =
    fresh.get(name) ??
    Array.from({ length: repeated ? REPEATED : NEW + REPEATED }, () =>
      issuers[alg].token({ roles: ['customer'] }),
    );
  fresh.set(name, made);
  return made;
}

function factsFor(alg: Alg): ServerFacts {
  const issuer = issuers[alg];
  return {
    issuer: issuer.issuer,
    audience: 'orders',
    alg,
    anchor: issuer.anchor.publicPem,
    statement: issuer.statement(),
    jwk: issuer.key.publicJwk as ServerFacts['jwk'],
    postgres,
    sessions,
  };
}

async function storeSessions(): Promise<void> {
  const client = new Client(postgres);
  await client.connect();
  await client.query('CREATE TABLE sessions (id text PRIMARY KEY, account text NOT NULL)');
  await client.query(`INSERT INTO sessions SELECT id, 'account of ' || id FROM unnest($1::text[]) AS id`, [
    sessions,
  ]);
  await client.end();
}

/** Binds a process to a core, where the system has `taskset`. */
function pin(pid: number, core: number): void {
  try {
    execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'pipe' });
  } catch {
    // Not Linux: the cores are shared, and the spread says how much that matters.
  }
}
