/** `npm start [-- --port-base N] [--state-dir DIR]`: starts the system and keeps it until a signal or a crash. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs, parseEnv } from 'node:util';
import { readCredentials } from '../composition/secrets.js';
import { defaultPortBase, services } from '../composition/services.js';
import { projectRoot } from '../project.js';
import { SetupError } from '../setup-error.js';
import { defaultStateDir, type RunningFile } from './state-dir.js';
import { type RunningSystem, startSystem } from './system.js';

const begun = Date.now();
const say = (line: string) => console.log(line);

process.stdout.on('error', () => undefined); // the terminal may go before we do
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof SetupError ? `\n${error.message}` : error);
  process.exitCode = 1;
}

async function main(args: string[]): Promise<number> {
  const { portBase, stateDir } = readArguments(args);
  const stopping = new AbortController();
  let system: RunningSystem | undefined;
  const signalled = new Promise<void>((resolveSignal) => {
    const onSignal = () => {
      if (stopping.signal.aborted) {
        system?.killAll();
        process.exit(130);
      }
      say('\nStopping (once more: at once).');
      stopping.abort();
      resolveSignal();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  });

  try {
    system = await startSystem({
      stateDir,
      portBase,
      settings: ownSettings(),
      log: (line) => say(`  ${line}`),
      signal: stopping.signal,
    });
  } catch (error) {
    if (stopping.signal.aborted) return 0;
    throw error;
  }
  greet(system.running, stateDir);
  const report = await Promise.race([signalled, system.crashed]);
  if (report !== undefined) console.error(`\n${report}\nStopping everything else.`);
  await system.stop();
  return report === undefined ? 0 : 1;
}

/** Where things are, and who is who: that is the launcher's to say, whatever stands in `.env`. */
const generated = /^(NODE_ENV|ISSUER)$|(^|_)(HOST|PORT|URL|NAME|USER|FILES?)$/;

/** What `.env` says, for every service, as it is under Docker Compose. */
function ownSettings(): Record<string, Record<string, string>> {
  const file = join(projectRoot, '.env');
  const all = existsSync(file) ? (parseEnv(readFileSync(file, 'utf8')) as Record<string, string>) : {};
  const own = Object.fromEntries(Object.entries(all).filter(([name]) => !generated.test(name)));
  return Object.fromEntries(services.map(({ name }) => [name, own]));
}

function readArguments(args: string[]): { portBase: number; stateDir: string } {
  try {
    const { values } = parseArgs({
      args,
      options: { 'port-base': { type: 'string' }, 'state-dir': { type: 'string' } },
    });
    const portBase = Number(values['port-base'] ?? defaultPortBase);
    if (!Number.isInteger(portBase) || portBase < 1024 || portBase > 65_000) {
      throw new Error('--port-base takes a number from 1024 to 65000');
    }
    return { portBase, stateDir: resolve(values['state-dir'] ?? defaultStateDir) };
  } catch (cause) {
    const usage = 'npm start [-- --port-base 3000 --state-dir .signet]';
    throw new SetupError('bad_argument', `${(cause as Error).message}. Usage: ${usage}`, { cause });
  }
}

function greet(running: RunningFile, stateDir: string): void {
  const { admin, demo } = readCredentials(stateDir);
  const login = JSON.stringify({ email: demo.email, password: demo.password });
  const servicesLines = Object.entries(running.services).map(
    ([name, { url }]) => `  ${name.padEnd(10)} ${url}/docs`,
  );
  say(`
Signet is ready (${((Date.now() - begun) / 1000).toFixed(1)} s)

${servicesLines.join('\n')}

  demo user  ${demo.email}  ${demo.password}
  admin      ${admin.email}  ${admin.password}

Try, in another terminal:
  npm run tour
  curl -s ${running.issuer}/auth/login -H 'content-type: application/json' -d '${login}'

Logs are in ${relative(process.cwd(), running.logsDir)}. Ctrl-C stops everything; npm start brings it back as it was.`);
}
