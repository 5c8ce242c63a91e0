/** `npm run keys -- list | rotate | revoke | …`: runs auth's key commands (keys-cli) in the environment of the running auth. */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { clientsOf } from '../system/client-keys.js';
import { services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { projectRoot } from '../project.js';
import { ownSettings } from './own-settings.js';
import { rotateClientKey } from './rotate-client.js';
import { defaultStateDir, readRunning } from './state-dir.js';
import { planAddresses, planProgram } from './system-plan.js';

const args = process.argv.slice(2);
const at = args.indexOf('--state-dir');
const [, named] = at < 0 ? [] : args.splice(at, 2);
const stateDir = resolve(named ?? defaultStateDir);

const issuer = services.find((row) => row.trust === 'issuer')!;
const apps = join(projectRoot, 'dist/apps');
const program = join(apps, issuer.name, 'src/keys-cli.js');
const running = readRunning(stateDir);
if (args.includes('--help')) {
  process.exitCode = await runProgram(process.execPath, ['--help'], { env: {} });
} else if (!running) {
  console.error(
    'Signet does not run here, and the keys are in its database. Start it first, in another terminal: npm start',
  );
  process.exitCode = 1;
} else {
  const addresses = planAddresses(stateDir, running.portBase, services, 'development');
  const { command, env } = planProgram(issuer, 'main', apps, addresses, ownSettings());
  const run = (keyArguments: readonly string[]) => runProgram(command, keyArguments, { env, cwd: stateDir });
  process.exitCode = await (args[0] === 'rotate-client' ? rotateClient(args.slice(1), run) : run(args));
}

/** Runs auth's key commands. Returns the exit code. */
function runProgram(
  command: string,
  keyArguments: readonly string[],
  options: { readonly env: NodeJS.ProcessEnv; readonly cwd?: string },
): Promise<number> {
  const child = spawn(command, [program, ...keyArguments], { ...options, stdio: 'inherit' });
  return new Promise((done) => child.on('exit', (code) => done(code ?? 1)));
}

/** Exchanges the client key of a service. Returns the exit code. */
async function rotateClient(
  rest: readonly string[],
  run: (keyArguments: readonly string[]) => Promise<number>,
): Promise<number> {
  const [service, ...options] = rest;
  const clients = clientsOf(services);
  const compromised = options[0] === '--compromised';
  if (!clients.some((name) => name === service) || options.length > Number(compromised)) {
    console.error(`npm run keys -- rotate-client ${clients.join('|')} [--compromised]`);
    return 2;
  }
  const runKeys = async (keyArguments: readonly string[]) => {
    if ((await run(keyArguments)) !== 0)
      throw new SetupError('child_failed', 'The exchange is not complete. Run the same command again.');
  };
  try {
    await rotateClientKey({ stateDir, service: service!, compromised, runKeys });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    return 1;
  }
  console.log(`${service} uses its new client key.`);
  if (compromised) console.log(`It stays disabled until: npm run keys -- enable-client ${service}`);
  return 0;
}
