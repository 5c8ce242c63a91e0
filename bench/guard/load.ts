/** Sends requests to one server from one core, with wrk where it is installed, otherwise with autocannon. */
import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import autocannon from 'autocannon';

const run = promisify(execFile);
export const connections = 32;

export interface Load {
  readonly url: string;
  /** Sent in turn as `Authorization: Bearer`. */
  readonly credentials: readonly string[];
  readonly seconds: number;
}

export interface Answered {
  readonly requests: number;
  readonly perSecond: number;
}

/** The name and version of the program that sends. */
export const loadProgram = wrkVersion() ?? 'autocannon';

/** @throws Error if one answer was not 200 */
export function send(load: Load, folder: string): Promise<Answered> {
  return loadProgram === 'autocannon' ? sendByAutocannon(load) : sendByWrk(load, folder);
}

function wrkVersion(): string | undefined {
  try {
    execFileSync('wrk', ['--version'], { encoding: 'utf8', stdio: 'pipe' });
    return 'wrk';
  } catch (error) {
    // It writes its version and ends with 1.
    const { stdout } = error as { stdout?: string };
    return stdout === undefined ? undefined : /^wrk \S+/.exec(stdout)?.[0];
  }
}

async function sendByWrk({ url, credentials, seconds }: Load, folder: string): Promise<Answered> {
  const [file, script] = [join(folder, 'credentials'), join(folder, 'wrk.lua')];
  writeFileSync(file, credentials.join('\n'));
  writeFileSync(
    script,
    `local requests, i = {}, 0
init = function()
  for line in io.lines(${JSON.stringify(file)}) do
    requests[#requests + 1] = wrk.format("GET", nil, { Authorization = "Bearer " .. line })
  end
end
request = function()
  i = i % #requests + 1
  return requests[i]
end
done = function(summary)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format("\\nanswered %d %d %d\\n", summary.requests, summary.duration, wrong))
end
`,
  );
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, url];
  const { stdout } = await run('wrk', options);
  const [, requests, microseconds, wrong] = /^answered (\d+) (\d+) (\d+)$/m.exec(stdout)!.map(Number);
  if (wrong! > 0) throw new Error(`${url}: ${wrong} requests were not answered with 200`);
  return { requests: requests!, perSecond: requests! / (microseconds! / 1e6) };
}

async function sendByAutocannon({ url, credentials, seconds }: Load): Promise<Answered> {
  const requests = credentials.map((credential) => ({ headers: { authorization: `Bearer ${credential}` } }));
  const result = await autocannon({ url, connections, duration: seconds, requests });
  const wrong = result.non2xx + result.errors;
  if (wrong > 0) throw new Error(`${url}: ${wrong} requests were not answered with 200`);
  return { requests: result.requests.total, perSecond: result.requests.total / result.duration };
}
