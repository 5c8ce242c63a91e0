/**
 * `npm run bench`: measures, prints the result, and puts it into bench/RESULTS.md. `-- --quick` is the same in small:
 * it only prints. The exit code is 1 if a request was wrongly refused, or wrongly accepted after the bound.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { circumstances } from '../circumstances.js';
import { writeMeasured } from '../results-file.js';
import { mistakes, trafficReport, verifiersReport } from './report.js';
import { fullPlan, quickPlan, underTraffic, withManyVerifiers } from './rotation-bench.js';

const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;
const plan = quick ? quickPlan : fullPlan;
const facts = circumstances(['jwks-rsa', 'passport-jwt', 'jose']);
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
  writeMeasured('rotation', text);
}
const wrong = mistakes(result);
console.log(wrong === 0 ? 'No request was judged wrongly.' : `${wrong} requests were judged WRONGLY.`);
process.exit(wrong === 0 ? 0 : 1);
