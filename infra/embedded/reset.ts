/** `npm run reset [-- --state-dir DIR]`: stops the system if it runs, and removes its state. */
import { existsSync, rmSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { postgresDataParent, removePostgresData } from './postgres-home.js';
import { defaultStateDir, endLeftovers, liveLauncher } from './state-dir.js';

const stopTimeoutMs = 60_000;

const { values } = parseArgs({ options: { 'state-dir': { type: 'string' } } });
const stateDir = resolve(values['state-dir'] ?? defaultStateDir);

const launcher = liveLauncher(stateDir);
if (launcher !== undefined) {
  console.log(`Stopping the running system (process ${launcher}).`);
  process.kill(launcher, 'SIGTERM');
  const deadline = Date.now() + stopTimeoutMs;
  while (liveLauncher(stateDir) !== undefined && Date.now() < deadline) await sleep(100);
}
if (liveLauncher(stateDir) !== undefined) {
  console.error(`Process ${launcher} does not end. End it (kill -9 ${launcher}), then try again.`);
  process.exitCode = 1;
} else {
  await endLeftovers(stateDir);
  const data = postgresDataParent(stateDir);
  const folders = [stateDir, ...(data.startsWith(stateDir) ? [] : [data])].filter((folder) =>
    existsSync(folder),
  );
  removePostgresData(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
  const what = folders.map((folder) =>
    folder === stateDir ? relative(process.cwd(), folder) || folder : folder,
  );
  console.log(
    what.length === 0 ? 'Nothing to remove.' : `Removed ${what.join(' and ')}: keys, passwords and data.`,
  );
}
