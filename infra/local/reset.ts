/** `npm run reset [-- --state-dir DIR]`: stops the system if it runs, then removes its state. */
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readArguments, runCommand } from '../run-command.js';
import { SetupError } from '../system/setup-error.js';
import { postgresDataParent, removePostgresData } from './postgres-home.js';
import { requireStateDir } from './require-state-dir.js';
import { claimStateDir, defaultStateDir, endLeftovers, liveLauncher, removeStateDir } from './state-dir.js';

const stopTimeoutMs = 60_000;

await runCommand(async () => {
  const { values } = readArguments('npm run reset [-- --state-dir DIR]', () =>
    parseArgs({ options: { 'state-dir': { type: 'string' } } }),
  );
  const stateDir = resolve(values['state-dir'] ?? defaultStateDir);
  requireStateDir(stateDir);
  const folders = foldersOf(stateDir);
  if (folders.length === 0) return console.log('Nothing to remove.');
  await stopSystem(stateDir);
  await remove(stateDir);
  const names = folders.map((folder) =>
    folder === stateDir ? relative(process.cwd(), folder) || folder : folder,
  );
  console.log(`Removed ${names.join(' and ')}: keys, passwords and data.`);
});

/** The state folder, and for root the folder of its database. */
function foldersOf(stateDir: string): string[] {
  const data = postgresDataParent(stateDir);
  return [stateDir, ...(data.startsWith(stateDir) ? [] : [data])].filter((folder) => existsSync(folder));
}

async function stopSystem(stateDir: string): Promise<void> {
  const launcher = liveLauncher(stateDir);
  if (launcher === undefined) return;
  console.log(`Stopping the running system (process ${launcher}).`);
  askToStop(launcher);
  const deadline = Date.now() + stopTimeoutMs;
  while (liveLauncher(stateDir) === launcher && Date.now() < deadline) await sleep(100);
  if (liveLauncher(stateDir) !== launcher) return;
  throw new SetupError(
    'already_running',
    `Process ${launcher} does not end. Kill it (kill -9 ${launcher}), then try again.`,
  );
}

async function remove(stateDir: string): Promise<void> {
  const letGo = await claimStateDir(stateDir);
  await endLeftovers(stateDir);
  removePostgresData(stateDir);
  removeStateDir(stateDir, letGo);
}

function askToStop(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has ended already
  }
}
