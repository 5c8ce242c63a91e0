import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** When a process began, in its system's own words; undefined when there is none, or only its unreaped remains. */
export function beginningOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return ps(pid, 'lstart');
  const fields = procStat(pid);
  return fields?.[0] === 'Z' ? undefined : fields?.[19]; // fields 3 and 22 of proc(5)
}

/** Whether a process runs. What nobody reaped, as in a container without an init, does not. */
export const isAlive = (pid: number): boolean => beginningOf(pid) !== undefined;

/** The name of the program that a process runs; undefined when there is none. */
export function programOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return ps(pid, 'comm');
  return readOrUndefined(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
}

/** The fields after the program's name, which may itself hold blanks and parentheses. */
function procStat(pid: number): string[] | undefined {
  const stat = readOrUndefined(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function ps(pid: number, field: string): string | undefined {
  const args = ['-o', `${field}=`, '-p', String(pid)];
  return readOrUndefined(() => {
    const output = execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return output.trim() || undefined;
  });
}

function readOrUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
