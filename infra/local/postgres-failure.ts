import { SetupError } from '../system/setup-error.js';
import { type Child, saidBy } from './processes.js';

/** What we know about a PostgreSQL that cannot be used. */
interface PostgresFailure {
  port: number;
  stateDir: string;
  /** Why the last login failed. */
  refusal: { code?: string; message: string };
  child: Pick<Child, 'running' | 'lastLines'>;
  logFile: string;
}

const dataFaults =
  /PANIC|database system (identifier|was not)|could not find the database system|database files are incompatible|is not a database cluster|pg_control|invalid (checkpoint|primary checkpoint|page)|could not (read|locate|open) .*(checkpoint|base\/|global\/|pg_wal)/;
const machineFaults =
  /No space left on device|Cannot allocate memory|shared memory|semaphores|Read-only file system|Permission denied/;

/** Explains the failure with the last lines of the server. Advises `npm run reset` only if the data itself is damaged. */
export function explainPostgresFailure(failure: PostgresFailure): SetupError {
  const { port, stateDir, refusal, child, logFile } = failure;
  const { running } = child;
  const lines = child.lastLines();
  const said = saidBy(child, logFile);
  const says = (pattern: RegExp) => lines.some((line) => pattern.test(line));
  if (refusal.code === '28P01') {
    return damaged(failure, 'the superuser has another password than the one in the state folder');
  }
  if (running && refusal.code === '57P03') {
    return new SetupError(
      'not_ready',
      `PostgreSQL is still recovering from a crash (${stateDir}). Start again to wait longer. ${said}`,
    );
  }
  if (running) {
    return new SetupError(
      'not_ready',
      `PostgreSQL runs on port ${port}, but nobody can log in: ${refusal.message}. ${said}`,
    );
  }
  if (says(/Address already in use/)) {
    return new SetupError(
      'port_in_use',
      `Port ${port} (postgres) is in use by another program. Stop it, or start Signet on other ports: npm start -- --port-base 4000`,
    );
  }
  if (says(/lock file ".*" already exists/)) {
    return new SetupError(
      'already_running',
      `Another PostgreSQL uses the data of ${stateDir}. Stop it, then start again. ${said}`,
    );
  }
  if (says(dataFaults) && !says(machineFaults)) {
    const reason = lines.findLast((line) => /FATAL|PANIC|could not/.test(line)) ?? lines.at(-1)!;
    return damaged(failure, reason.replace(/^.*?(FATAL|PANIC):\s*/, ''));
  }
  return new SetupError('child_failed', `PostgreSQL ended while it was starting. ${said}`);
}

function damaged(failure: PostgresFailure, reason: string): SetupError {
  const advice = 'To delete this data and start again: npm run reset';
  return new SetupError(
    'state_damaged',
    `PostgreSQL cannot use the data of ${failure.stateDir}: ${reason}. ${advice} ${saidBy(failure.child, failure.logFile)}`,
  );
}
