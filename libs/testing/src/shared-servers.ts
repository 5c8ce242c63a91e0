import { findNatsServer } from '../../../infra/local/nats-server-finder.js';
import type { PostgresLogin } from '../../../infra/local/postgres.js';
import { startThrowAwayPostgres } from '../../../infra/local/throw-away-postgres.js';

const variable = 'TEST_POSTGRES_SUPERUSER';

/**
 * Starts the PostgreSQL of a test run in a temporary folder, without crash safety. Finds nats-server, so that the
 * workers do not fetch it all at once. Tells the workers of both through the environment. Returns a function that stops
 * PostgreSQL.
 */
export async function startSharedServers(): Promise<() => Promise<void>> {
  const nats = await findNatsServer();
  if (nats.kind === 'binary') process.env['NATS_SERVER'] = nats.path;
  const { superuser, stop } = await startThrowAwayPostgres();
  process.env[variable] = JSON.stringify(superuser);
  return stop;
}

/** Returns the superuser login of this run's PostgreSQL. @throws Error outside of a test run */
export function sharedPostgres(): PostgresLogin {
  const login = process.env[variable];
  if (login === undefined)
    throw new Error('No PostgreSQL was started: run this under the jest.config.mjs of the project.');
  return JSON.parse(login) as PostgresLogin;
}
