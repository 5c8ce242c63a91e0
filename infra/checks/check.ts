import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../project.js';

/** One static check. */
export interface Check {
  /** The name of the check in the report and on the command line. */
  name: string;
  /** One line that says what to do if the check fails. */
  remedy: string;
  /** Returns the faults, as text for a person. Empty if there is none. */
  run(): string[] | Promise<string[]>;
}

/** Makes a check that runs a tool in node_modules, in the root folder. If the tool fails, its output is the fault. */
export function toolCheck(name: string, remedy: string, program: string, args: string[]): Check {
  return { name, remedy, run: () => runTool(join(projectRoot, 'node_modules', program), args) };
}

async function runTool(program: string, args: string[]): Promise<string[]> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => output.push(part));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 0) return [];
  const text = Buffer.concat(output).toString().trim();
  return [text === '' ? `${program} ended with code ${code} and no output` : text];
}
