/**
 * `npm run compare:sessions`: makes the same small API in four ways, tries what introductions to JWT say about them, and
 * prints a table. It draws chart.svg beside this file. It takes about two minutes.
 */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { circumstances } from '../../bench/circumstances.js';
import { loadProgram } from '../../bench/guard/load.js';
import { projectRoot } from '../../infra/project.js';
import { Lab } from './fleet/lab.js';
import { measure } from './measure.js';
import { attemptsOf, chartOf, tableOf } from './report.js';

const facts = circumstances(['fastify', 'pg', 'jsonwebtoken']);
const begun = Date.now();
const seconds = () => Math.round((Date.now() - begun) / 1000);
const print = (text: string) => void process.stdout.write(`${text}\n`);

const lab = await Lab.start();
try {
  print(`${seconds()} s: PostgreSQL, NATS, an issuer and four times three instances are running`);
  const results = await measure(lab, (line) => print(`${seconds()} s: ${line}`));
  const measured = `Measured ${new Date().toISOString().slice(0, 10)} in ${seconds()} s; load by ${loadProgram}; load average at the end ${loadavg()[0]!.toFixed(2)}:`;
  print(`\n${[measured, facts, tableOf(results), attemptsOf(results)].join('\n\n')}`);
  writeFileSync(join(projectRoot, 'scenarios/session-vs-token/chart.svg'), `${chartOf(results)}\n`);
} finally {
  await lab.stop();
}
