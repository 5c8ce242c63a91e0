/**
 * `npm run bench:revocation`: how long a session is accepted after its logout, and what many live revocations cost.
 * Prints the result, and puts it into bench/RESULTS.md. `-- --quick` is the same in small: it only prints. The exit code
 * is 1 if a service judged a token wrongly.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { REVOCATION_SUBJECTS } from '#statements';
import { freePortBase } from '../../infra/local/ports.js';
import { removePostgresData } from '../../infra/local/postgres-home.js';
import { startSystem } from '../../infra/local/system.js';
import { readCredentials } from '../../infra/system/secrets.js';
import { guardedServices, portClaims } from '../../infra/system/services.js';
import { decode } from '../../infra/tour/tokens.js';
import { Bystander } from '../bystander.js';
import { circumstances } from '../circumstances.js';
import { writeMeasured } from '../results-file.js';
import { count } from '../summary.js';
import { logOutAll, showBeside } from './logouts.js';
import { publishMany, startLate } from './many-revocations.js';
import { lastAcceptances, manyReport, mistakes, parts, type Logouts } from './report.js';
import { beginSessions, registerPeople, type Session } from './sessions.js';
import { Client } from './show.js';
import { numberedAt } from './stored.js';

const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;
const plan = quick
  ? { logouts: 40, live: 2_000, logoutsAfter: 10 }
  : { logouts: 1_000, live: 100_000, logoutsAfter: 100 };
/** Sessions that show their tokens beside the others and are not logged out. */
const BESIDE = 10;
const BASELINES = 50;

const facts = circumstances(['fastify', '@nestjs/core', '@nats-io/transport-node', 'typeorm']);
const begun = Date.now();
const log = (line: string) => console.log(line);
const stateDir = mkdtempSync(join(tmpdir(), 'bench-'));
const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
// All people come from one address, and within a moment.
const settings = { auth: { REFRESHES_PER_ADDRESS: String(10 * plan.logouts) } };
const system = await startSystem({ stateDir, portBase, settings, log });
const client = new Client(system.urls);
let bystander: Bystander<string> | undefined;
let wrong: number;
try {
  const auth = system.urls['auth']!;
  const seen = (bystander = await Bystander.start({
    stateDir,
    postgresPort: system.running.postgres.port,
    natsPort: system.running.nats.port,
    account: guardedServices[0]!.name,
    subject: REVOCATION_SUBJECTS,
    nameOf: sidOf,
  }));
  const people = await registerPeople(auth, readCredentials(stateDir), plan.logouts);
  const begin = (sessions: number) => beginSessions(auth, people, sessions);

  const [others, sessions] = [await begin(BESIDE), await begin(plan.logouts)];
  log(`${count(sessions.length)} sessions have begun`);
  const first = await measure(seen, sessions, others);
  log(`${count(sessions.length)} logouts: done`);

  const stage = { system, stateDir, bystander: seen, log };
  const published = await publishMany(stage, plan.live);
  const then = await measure(seen, await begin(plan.logoutsAfter), await begin(BESIDE));
  log(`${count(plan.logoutsAfter)} logouts: done`);
  const [{ tokens }] = (await begin(1)) as [Session];
  const late = await startLate(stage, { count: plan.live, token: tokens[guardedServices[0]!.name]! });

  wrong = mistakes(first) + mistakes(then) + first.wronglyRefused + then.wronglyRefused;
  const seconds = Math.round((Date.now() - begun) / 1000);
  const report = [
    `Measured ${new Date().toISOString().slice(0, 10)} in ${seconds} s; load average at the end ${loadavg()[0]!.toFixed(2)}:`,
    facts,
    `### ${count(plan.logouts)} logouts`,
    lastAcceptances(first),
    'Where the time goes:',
    parts(first, seen),
    `Beside them, sessions that nobody logged out sent ${count(first.beside)} requests; ${count(first.wronglyRefused)} were not accepted.`,
    `### ${count(plan.live)} live revocations`,
    manyReport(published, late),
    `${count(plan.logoutsAfter)} logouts while they are live:`,
    lastAcceptances(then),
    parts(then, seen),
  ].join('\n\n');
  log(`\n${report}\n`);
  if (!quick) writeMeasured('revocation', report);
} finally {
  client.close();
  await bystander?.stop().catch(() => undefined);
  await system.stop();
  removePostgresData(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}
log(wrong === 0 ? 'No token was judged wrongly.' : `${wrong} answers were WRONG.`);
process.exit(wrong === 0 ? 0 : 1);

function sidOf(jws: string): string {
  return (decode(jws).claims['sub_id'] as { id: string }).id;
}

async function measure(seen: Bystander<string>, sessions: readonly Session[], others: readonly Session[]) {
  const traffic = showBeside(client, others);
  const logouts = await logOutAll(client, sessions);
  const commitAndDeliverMs: number[] = [];
  for (let i = 0; i < BASELINES; i += 1) commitAndDeliverMs.push(await seen.commitAndDeliver());
  const { accepted, refused, strange } = await traffic.stop();
  const measured: Logouts = { logouts, commitAndDeliverMs, numberedAt: await numberedAt(seen.database) };
  return { ...measured, beside: accepted + refused + strange, wronglyRefused: refused + strange };
}
