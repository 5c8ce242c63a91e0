import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer } from '../../../infra/local/nats-server-finder.js';
import { freePort } from '../../../infra/local/ports.js';
import { postgresDataParent } from '../../../infra/local/postgres-home.js';
import { startPostgres, type PostgresLogin } from '../../../infra/local/postgres.js';
import { tellReaper } from '../../../infra/local/reaper-client.js';

const variable = 'TEST_POSTGRES_SUPERUSER';

/**
 * Starts the PostgreSQL of a test run in a temporary folder, without crash safety. Finds nats-server, so that the
 * workers do not fetch it all at once. Tells the workers of both through the environment. Returns a function that stops
 * PostgreSQL.
 */
export async function startSharedServers(): Promise<() => Promise<void>> {
  const nats = await findNatsServer();
  if (nats.kind === 'binary') process.env['NATS_SERVER'] = nats.path;
  const stateDir = mkdtempSync(join(tmpdir(), 'test-postgres-'));
  // The reaper removes them, even if the run is interrupted.
  for (const folder of [stateDir, postgresDataParent(stateDir)]) tellReaper(`rm ${folder}`);
  const { child, superuser } = await startPostgres({
    stateDir,
    port: await freePort(),
    superuserPassword: randomBytes(18).toString('base64url'),
    logFile: join(stateDir, 'postgres.log'),
    durable: false,
  });
  process.env[variable] = JSON.stringify(superuser);
  return async () => void (await child.stop());
}

/** Returns the superuser login of this run's PostgreSQL. @throws Error outside of a test run */
export function sharedPostgres(): PostgresLogin {
  const login = process.env[variable];
  if (login === undefined)
    throw new Error('No PostgreSQL was started: run this under the jest.config.mjs of the project.');
  return JSON.parse(login) as PostgresLogin;
}
