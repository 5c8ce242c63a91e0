/** `npm run keys -- list | rotate | revoke | …`: runs auth's key commands (keys-cli) in the environment of the running auth. */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { services } from '../system/services.js';
import { projectRoot } from '../project.js';
import { ownSettings } from './own-settings.js';
import { defaultStateDir, readRunning } from './state-dir.js';
import { planAddresses, planProgram } from './system-plan.js';

const args = process.argv.slice(2);
const at = args.indexOf('--state-dir');
const [, named] = at < 0 ? [] : args.splice(at, 2);
const stateDir = resolve(named ?? defaultStateDir);

const running = readRunning(stateDir);
if (!running) {
  console.error(
    'Signet does not run here, and the keys are in its database. Start it first, in another terminal: npm start',
  );
  process.exitCode = 1;
} else {
  const issuer = services.find((row) => row.trust === 'issuer')!;
  const addresses = planAddresses(stateDir, running.portBase, services, 'development');
  const apps = join(projectRoot, 'dist/apps');
  const { command, env } = planProgram(issuer, 'main', apps, addresses, ownSettings());
  const program = join(projectRoot, 'dist/apps', issuer.name, 'src/keys-cli.js');
  const child = spawn(command, [program, ...args], {
    env,
    cwd: stateDir,
    stdio: 'inherit',
  });
  process.exitCode = await new Promise<number>((done) => child.on('exit', (code) => done(code ?? 1)));
}
