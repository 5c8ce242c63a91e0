/**
 * `npm run bench`: measures, prints the result, and puts it into bench/RESULTS.md. `-- --quick` is the same in small:
 * it only prints. The exit code is 1 if a request was wrongly refused, or wrongly accepted after the bound.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../../infra/project.js';
import { circumstances, mistakes, report } from './report.js';
import { fullPlan, quickPlan, runRotationBench } from './rotation-bench.js';

const file = join(projectRoot, 'bench/RESULTS.md');
const [begin, end] = ['<!-- rotation: measured -->', '<!-- rotation: end -->'];

const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;
const plan = quick ? quickPlan : fullPlan;
const facts = circumstances();
const begun = Date.now();
const result = await runRotationBench(plan, (line) => console.log(line));
const text = report(plan, result, facts, (Date.now() - begun) / 1000);
console.log(`\n${text}\n`);
if (!quick) {
  const before = readFileSync(file, 'utf8');
  const [head, tail] = [before.split(begin)[0]!, before.split(end)[1]!];
  writeFileSync(file, `${head}${begin}\n\n${text}\n\n${end}${tail}`);
}
const wrong = mistakes(result);
console.log(wrong === 0 ? 'No request was judged wrongly.' : `${wrong} requests were judged WRONGLY.`);
process.exit(wrong === 0 ? 0 : 1);
