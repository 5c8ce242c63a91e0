/**
 * `npm run bench`: measures, prints the result, and puts it into bench/RESULTS.md. `-- --quick` is the same in small:
 * it only prints. The exit code is 1 if a request was wrongly refused, or wrongly accepted after the bound.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../../infra/project.js';
import { circumstances, mistakes, trafficReport, verifiersReport } from './report.js';
import { fullPlan, quickPlan, underTraffic, withManyVerifiers } from './rotation-bench.js';

const file = join(projectRoot, 'bench/RESULTS.md');
const [begin, end] = ['<!-- rotation: measured -->', '<!-- rotation: end -->'];

const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;
const plan = quick ? quickPlan : fullPlan;
const facts = circumstances();
const begun = Date.now();
const log = (line: string) => console.log(line);
const result = await underTraffic(plan, log);
const traffic = trafficReport(plan, result);
console.log(`\n${traffic}\n`);
const verifiers = verifiersReport(await withManyVerifiers(plan, log));
console.log(`\n${verifiers}\n`);
if (!quick) {
  const [load] = loadavg();
  const seconds = Math.round((Date.now() - begun) / 1000);
  const measured = `Measured ${new Date().toISOString().slice(0, 10)} in ${seconds} s; load average at the end ${load!.toFixed(2)}:`;
  const text = [measured, facts, traffic, verifiers].join('\n\n');
  const before = readFileSync(file, 'utf8');
  const [head, tail] = [before.split(begin)[0]!, before.split(end)[1]!];
  writeFileSync(file, `${head}${begin}\n\n${text}\n\n${end}${tail}`);
}
const wrong = mistakes(result);
console.log(wrong === 0 ? 'No request was judged wrongly.' : `${wrong} requests were judged WRONGLY.`);
process.exit(wrong === 0 ? 0 : 1);
