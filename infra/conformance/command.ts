import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SetupError } from '../system/setup-error.js';
import { readArguments } from './arguments.js';
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
    const { json, junit, ...options } = readArguments(given);
    const { results, measurements } = await testTarget(options, (line) => output.log(line));
    const title = `conformance of ${options.target.href}`;
    const report: Report = { title, results, measurements };
    output.log(`\n${textReport(report)}`);
    if (json !== undefined) await write(json, jsonReport(report, new Date()));
    if (junit !== undefined) await write(junit, junitReport(report));
    return countsOf(results).fail === 0 ? 0 : 1;
  } catch (error) {
    output.error(error instanceof SetupError ? error.message : String((error as Error).stack));
    return 2;
  }
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
