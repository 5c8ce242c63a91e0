import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../infra/project.js';
import type { GuardTimes } from './inside.js';
import type { ServerFacts } from './protections.js';

/** A server of the comparison in a process of its own, on the first core where the system can pin it. */
export class ServerProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(protection: string, facts: ServerFacts): Promise<ServerProcess> {
    const program = join(projectRoot, 'dist/bench/guard/server.js');
    const child = fork(program, [protection], { env: { ...process.env, NODE_ENV: 'production' } });
    child.send(facts);
    const { url } = await answerOf<{ url: string }>(child);
    return new ServerProcess(child, url);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** User and system time of the whole process so far, in seconds. */
  async cpuSeconds(): Promise<number> {
    this.child.send('usage');
    const { user, system } = await answerOf<NodeJS.CpuUsage>(this.child);
    return (user + system) / 1e6;
  }

  /** What the guards of the server took since the last call. */
  async guardTimes(): Promise<GuardTimes> {
    this.child.send('times');
    return answerOf<GuardTimes>(this.child);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`the server ended with ${String(code)}`);
  });
  ended.catch(() => undefined);
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal }), ended])) as [T];
    return answer;
  } finally {
    waiting.abort();
  }
}
