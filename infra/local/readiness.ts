import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../system/setup-error.js';
import { type Child, describeExit, saidBy } from './processes.js';

/** What to wait for, and how long. */
interface ReadinessOptions {
  child: Child;
  /** The base URL of the service. */
  url: string;
  logFile: string;
  timeoutMs: number;
  log: (line: string) => void;
  signal: AbortSignal;
}

const reminderEveryMs = 5_000;

/**
 * Waits until `GET /health/ready` answers 200. Every 5 s it logs what it waits for.
 * @throws SetupError `child_failed` if the process ends, `not_ready` after `timeoutMs`.
 */
export async function untilReady({
  child,
  url,
  logFile,
  timeoutMs,
  log,
  signal,
}: ReadinessOptions): Promise<void> {
  const begun = Date.now();
  let reminders = 0;
  for (;;) {
    const answer = await readiness(url);
    signal.throwIfAborted();
    if (!child.running)
      throw new SetupError('child_failed', describeExit(child, await child.exited, logFile));
    if (answer === 'ready') return;
    const waited = Date.now() - begun;
    if (waited > timeoutMs) {
      const problem = `${child.name} does not become ready (${answer}).`;
      throw new SetupError('not_ready', `${problem} ${saidBy(child, logFile)}`);
    }
    if (waited > (reminders + 1) * reminderEveryMs) {
      reminders += 1;
      log(`waiting for ${child.name} (${answer})`);
    }
    await sleep(50);
  }
}

async function readiness(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/health/ready`, {
      signal: AbortSignal.timeout(2_000),
      redirect: 'error',
    });
    if (response.ok) {
      await response.body?.cancel();
      return 'ready';
    }
    return `answers ${response.status}${failedChecks(await response.text())}`;
  } catch {
    return 'no answer';
  }
}

/** The names of the checks that are down, for example `: database`. Empty if the answer has another form. */
function failedChecks(body: string): string {
  try {
    const { checks } = JSON.parse(body) as { checks: Record<string, { status: string }> };
    const down = Object.entries(checks).filter(([, { status }]) => status === 'down');
    return down.length === 0 ? '' : `: ${down.map(([name]) => name).join(', ')}`;
  } catch {
    return '';
  }
}
