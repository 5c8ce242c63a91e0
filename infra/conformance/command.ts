import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SetupError } from '../system/setup-error.js';
import { readArguments, type ConformanceArguments } from './arguments.js';
import { examineIssuer } from './examine-issuer.js';
import { countsOf, jsonReport, junitReport, textReport, type Report } from './report.js';
import { testTarget } from './test-target.js';

/** Prints a line of the result, or of what went wrong. */
export interface Output {
  log(line: string): void;
  error(line: string): void;
}

/** Runs the command. Returns the exit code: 0 without failures, 1 with failures, 2 if there is no result. */
export async function conformance(given: string[], output: Output): Promise<0 | 1 | 2> {
  try {
    const { json, junit, tested } = readArguments(given);
    const report = await run(tested, (line) => output.log(line));
    output.log(`\n${textReport(report)}`);
    if (json !== undefined) await write(json, jsonReport(report, new Date()));
    if (junit !== undefined) await write(junit, junitReport(report));
    return countsOf(report.results).fail === 0 ? 0 : 1;
  } catch (error) {
    output.error(error instanceof SetupError ? error.message : String((error as Error).stack));
    return 2;
  }
}

async function run(tested: ConformanceArguments['tested'], print: (line: string) => void): Promise<Report> {
  if ('issuer' in tested) {
    const title = `conformance of the issuer ${tested.issuer.issuer}`;
    return { title, ...(await examineIssuer(tested.issuer, print)) };
  }
  const { results, measurements } = await testTarget(tested.target, print);
  return { title: `conformance of ${tested.target.target.href}`, results, measurements };
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
