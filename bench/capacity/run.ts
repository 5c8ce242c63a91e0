/**
 * `npm run bench:capacity`: how much one process of each service bears, as a ratio to what a process bears when
 * it does nothing, or to the limit that is named. Prints, and puts the result into bench/RESULTS.md.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash, verify } from '@node-rs/argon2';
import autocannon from 'autocannon';
import { readCredentials } from '../../infra/system/secrets.js';
import { serverPortOffsets, services } from '../../infra/system/services.js';
import { freePortBase } from '../../infra/local/ports.js';
import { removePostgresData } from '../../infra/local/postgres-home.js';
import { startSystem } from '../../infra/local/system.js';
import { circumstances } from '../circumstances.js';
import { writeMeasured } from '../results-file.js';
import { count, milliseconds, spreadOf, table } from '../summary.js';
import { buyers, crowdedLogin, hashing, type Lane, prepareLanes } from './lanes.js';
import { readSigningTimes, signedWithin } from './signing.js';

const rounds = 5;
const seconds = 4;

const facts = circumstances(['fastify', '@nestjs/core', 'typeorm', 'autocannon']);
const stateDir = mkdtempSync(join(tmpdir(), 'bench-'));
const offsets = [...Object.values(serverPortOffsets), ...services.map((row) => row.portOffset)];
const log = (line: string) => console.log(line);
// All buyers come from one address, and within a moment.
const settings = { auth: { REGISTRATIONS_PER_ADDRESS: String(buyers) } };
const system = await startSystem({ stateDir, portBase: await freePortBase(offsets), settings, log });
try {
  const lanes = await prepareLanes(system.urls, readCredentials(stateDir));
  const rates = new Map(
    [...lanes.map(({ title }) => title), hashing].map((title) => [title, [] as number[]]),
  );
  const p99 = new Map(lanes.map(({ title }) => [title, [] as number[]]));
  const signing: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const lane of lanes) {
      const before = await readSigningTimes(system.urls['auth']!);
      const { perSecond, p99Ms } = await fire(lane);
      if (lane.title === crowdedLogin)
        signing.push(signedWithin(0.99, before, await readSigningTimes(system.urls['auth']!)));
      rates.get(lane.title)!.push(perSecond);
      p99.get(lane.title)!.push(p99Ms);
    }
    rates.get(hashing)!.push(await hashesPerSecond());
    log(`round ${round} of ${rounds}`);
  }
  const median = (values: readonly number[]) => spreadOf(values).p50;
  const rateOf = (title: string) => median(rates.get(title)!);
  const rows = [...lanes, { title: hashing, against: undefined }].map(({ title, against }) => [
    title,
    count(Math.round(rateOf(title))),
    against === undefined ? '' : `${(rateOf(title) / rateOf(against)).toFixed(2)} of ${against}`,
    milliseconds(p99.has(title) ? median(p99.get(title)!) : NaN),
  ]);
  const memory = Object.entries(system.running.services).map(([name, { pid }]) => [
    name,
    residentMemory(pid),
  ]);
  const report = [
    `Measured ${new Date().toISOString().slice(0, 10)}; load average at the end ${loadavg()[0]!.toFixed(2)}:`,
    facts,
    table(['request', 'a second', 'ratio', 'p99'], rows),
    `During "${crowdedLogin}", 99 % of the tokens were signed within ${signing.join(', ')} ms (each round), from the signing lock to the signature. The rest of a login is its turn, its password, and its rows.`,
    'Resident memory after that, of which a container may use 384 MiB:',
    table(['process', 'memory'], memory),
  ].join('\n\n');
  log(`\n${report}`);
  writeMeasured('capacity', report);
} finally {
  await system.stop();
  removePostgresData(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}

/** @throws Error when one answer was not of the status that the lane expects */
async function fire(lane: Lane): Promise<{ perSecond: number; p99Ms: number }> {
  const { url, method, headers, bodies, connections, status } = lane;
  const requests = bodies.length === 0 ? [{ method }] : bodies.map((body) => ({ method, body }));
  const result = await autocannon({ url, headers, connections, duration: seconds, requests });
  const statuses = Object.keys(result.statusCodeStats ?? {});
  if (result.errors > 0 || statuses.length !== 1 || statuses[0] !== String(status)) {
    throw new Error(`${lane.title}: ${result.errors} errors, answers of status ${statuses.join(', ')}`);
  }
  return { perSecond: result.requests.total / result.duration, p99Ms: result.latency.p99 };
}

async function hashesPerSecond(): Promise<number> {
  const stored = await hash('seven lemons on a roof', { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  const end = performance.now() + seconds * 1000;
  let done = 0;
  const one = async () => {
    while (performance.now() < end) {
      await verify(stored, 'seven lemons on a roof');
      done += 1;
    }
  };
  await Promise.all([one(), one()]);
  return done / seconds;
}

function residentMemory(pid: number): string {
  const kibibytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));
  return `${Math.round(kibibytes / 1024)} MiB`;
}
