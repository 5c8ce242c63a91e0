import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../../infra/project.js';
import type { Facts } from '../ways/way.js';
import type { Question, Start } from './instance.js';

const answersWithinMs = 60_000;

/** An instance as the experiment sees it. It inherits no variable, so it knows only its facts. */
export class InstanceProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly facts: Facts,
    readonly url: string,
  ) {}

  static async start(start: Start): Promise<InstanceProcess> {
    const program = join(projectRoot, 'dist/scenarios/session-vs-token/fleet/instance.js');
    const child = fork(program, { env: { NODE_ENV: 'production' }, execArgv: ['--expose-gc'] });
    return new InstanceProcess(child, start.facts, await send<string>(child, start));
  }

  ask<Result>(question: Question): Promise<Result> {
    return send<Result>(this.child, question);
  }

  /** Ends it like a crash: with no time to say goodbye. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

/** Sends one message and waits for its answer. @throws Error if the process ends or is silent */
async function send<Result>(child: ChildProcess, message: Start | Question): Promise<Result> {
  const waiting = new AbortController();
  const signal = AbortSignal.any([waiting.signal, AbortSignal.timeout(answersWithinMs)]);
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`an instance ended with ${String(code)}`);
  });
  try {
    const answer = Promise.race([once(child, 'message', { signal }), ended]);
    child.send(message);
    const [{ result }] = (await answer) as [{ result: Result }];
    return result;
  } finally {
    ended.catch(() => undefined);
    waiting.abort();
  }
}
