import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../project.js';

/** One static check. */
export interface Check {
  /** Its name in the report and on the command line. */
  name: string;
  /** What to do when it fails, in one line. */
  remedy: string;
  /** Returns what is wrong, for a person to read; nothing when all is well. */
  run(): string[] | Promise<string[]>;
}

/** A check that is a tool of node_modules, run in the project's root; what it prints when it fails is what is wrong. */
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
