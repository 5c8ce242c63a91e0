import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SuperuserLogin } from '../system/service-database.js';
import { freePort } from './ports.js';
import { postgresDataParent } from './postgres-home.js';
import { startPostgres } from './postgres.js';
import { tellReaper } from './reaper-client.js';

/**
 * Starts a PostgreSQL without crash safety, for tests, checks and measurements. The reaper removes its data, also if this
 * process is killed.
 */
export async function startThrowAwayPostgres(): Promise<{
  superuser: SuperuserLogin;
  stop: () => Promise<void>;
}> {
  const stateDir = mkdtempSync(join(tmpdir(), 'postgres-'));
  for (const folder of [stateDir, postgresDataParent(stateDir)]) tellReaper(`rm ${folder}`);
  const { child, superuser } = await startPostgres({
    stateDir,
    port: await freePort(),
    superuserPassword: randomBytes(18).toString('base64url'),
    logFile: join(stateDir, 'postgres.log'),
    durable: false,
  });
  return { superuser, stop: async () => void (await child.stop()) };
}
