import { SetupError } from '../system/setup-error.js';
import { type Child, saidBy } from './processes.js';

/** What is known of a PostgreSQL that cannot be used. */
export interface PostgresFailure {
  port: number;
  stateDir: string;
  /** Why the login failed at last. */
  refusal: { code?: string; message: string };
  child: Pick<Child, 'running' | 'lastLines'>;
  logFile: string;
}

const dataFaults =
  /PANIC|database system (identifier|was not)|could not find the database system|database files are incompatible|is not a database cluster|pg_control|invalid (checkpoint|primary checkpoint|page)|could not (read|locate|open) .*(checkpoint|base\/|global\/|pg_wal)/;
const machineFaults =
  /No space left on device|Cannot allocate memory|shared memory|semaphores|Read-only file system|Permission denied/;

/** The error for it, which says what the server said, and advises to remove the data only where they are at fault. */
export function explainPostgresFailure(failure: PostgresFailure): SetupError {
  const { port, stateDir, refusal, child, logFile } = failure;
  const { running } = child;
  const lines = child.lastLines();
  const said = saidBy(child, logFile);
  const says = (pattern: RegExp) => lines.some((line) => pattern.test(line));
  if (refusal.code === '28P01') {
    return damaged(failure, 'its superuser password is not the one in the state folder');
  }
  if (running && refusal.code === '57P03') {
    return new SetupError(
      'not_ready',
      `PostgreSQL still recovers from a crash (${stateDir}). Start again to go on waiting. ${said}`,
    );
  }
  if (running) {
    return new SetupError(
      'not_ready',
      `PostgreSQL runs on port ${port}, but no login succeeds: ${refusal.message}. ${said}`,
    );
  }
  if (says(/Address already in use/)) {
    return new SetupError(
      'port_in_use',
      `Port ${port} (postgres) is in use by another program. End it, or: npm start -- --port-base 4000`,
    );
  }
  if (says(/lock file ".*" already exists/)) {
    return new SetupError(
      'already_running',
      `Another PostgreSQL uses the data of ${stateDir}. End it, then start again. ${said}`,
    );
  }
  if (says(dataFaults) && !says(machineFaults)) {
    const reason = lines.findLast((line) => /FATAL|PANIC|could not/.test(line)) ?? lines.at(-1)!;
    return damaged(failure, reason.replace(/^.*?(FATAL|PANIC):\s*/, ''));
  }
  return new SetupError('child_failed', `PostgreSQL ended while it started. ${said}`);
}

function damaged(failure: PostgresFailure, reason: string): SetupError {
  const advice = 'If its data may be lost, start over: npm run reset';
  return new SetupError(
    'state_damaged',
    `PostgreSQL cannot use the data of ${failure.stateDir}: ${reason}. ${advice} ${saidBy(failure.child, failure.logFile)}`,
  );
}
