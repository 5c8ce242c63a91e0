/** `npm run reset [-- --state-dir DIR]`: stops the system if it runs, then removes its state. */
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SetupError } from '../system/setup-error.js';
import { postgresDataParent, removePostgresData } from './postgres-home.js';
import { claimStateDir, defaultStateDir, endLeftovers, liveLauncher, removeStateDir } from './state-dir.js';

const stopTimeoutMs = 60_000;

const { values } = parseArgs({ options: { 'state-dir': { type: 'string' } } });
const stateDir = resolve(values['state-dir'] ?? defaultStateDir);

const data = postgresDataParent(stateDir);
const folders = [stateDir, ...(data.startsWith(stateDir) ? [] : [data])].filter((folder) =>
  existsSync(folder),
);

const launcher = liveLauncher(stateDir);
if (launcher !== undefined) {
  console.log(`Stopping the running system (process ${launcher}).`);
  askToStop(launcher);
  const deadline = Date.now() + stopTimeoutMs;
  while (liveLauncher(stateDir) === launcher && Date.now() < deadline) await sleep(100);
}
if (folders.length === 0) console.log('Nothing to remove.');
else if (liveLauncher(stateDir) === launcher && launcher !== undefined) {
  console.error(`Process ${launcher} does not end. Kill it (kill -9 ${launcher}), then try again.`);
  process.exitCode = 1;
} else await remove();

async function remove(): Promise<void> {
  try {
    const letGo = await claimStateDir(stateDir);
    await endLeftovers(stateDir);
    removePostgresData(stateDir);
    removeStateDir(stateDir, letGo);
    const names = folders.map((folder) =>
      folder === stateDir ? relative(process.cwd(), folder) || folder : folder,
    );
    console.log(`Removed ${names.join(' and ')}: keys, passwords and data.`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

function askToStop(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has ended already
  }
}
