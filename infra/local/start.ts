/** `npm start [-- --port-base N] [--state-dir DIR] [--encrypt-tokens-for SERVICE]`: starts the system and runs it until a signal or a crash. */
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readCredentials } from '../system/secrets.js';
import { defaultPortBase, services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { ownSettings } from './own-settings.js';
import { defaultStateDir, type RunningFile } from './state-dir.js';
import { type RunningSystem, startSystem, type SystemOptions } from './system.js';

const begun = Date.now();
const say = (line: string) => console.log(line);

process.stdout.on('error', () => undefined); // the terminal may close before we have stopped
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof SetupError ? `\n${error.message}` : error);
  process.exitCode = 1;
}

async function main(args: string[]): Promise<number> {
  const { portBase, stateDir, encryptTokensFor } = readArguments(args);
  const settings = ownSettings();
  const stopping = new AbortController();
  let system: RunningSystem | undefined;
  const signalled = new Promise<void>((resolveSignal) => {
    const onSignal = () => {
      if (stopping.signal.aborted) {
        system?.killAll();
        process.exit(130);
      }
      say('\nStopping. Press Ctrl-C again to kill everything at once.');
      stopping.abort();
      resolveSignal();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  });

  try {
    system = await startSystem({
      stateDir,
      portBase,
      encryptTokensFor,
      settings: Object.fromEntries(services.map(({ name }) => [name, settings])),
      log: (line) => say(`  ${line}`),
      signal: stopping.signal,
    });
  } catch (error) {
    if (stopping.signal.aborted) return 0;
    throw error;
  }
  greet(system.running, stateDir, settings['DEMO_DATA'] !== 'false');
  const report = await Promise.race([signalled, system.crashed]);
  if (report !== undefined) console.error(`\n${report}\nStopping everything else.`);
  await system.stop();
  return report === undefined ? 0 : 1;
}

function readArguments(
  args: string[],
): Pick<Required<SystemOptions>, 'portBase' | 'stateDir' | 'encryptTokensFor'> {
  try {
    const { values } = parseArgs({
      args,
      options: {
        'port-base': { type: 'string' },
        'state-dir': { type: 'string' },
        'encrypt-tokens-for': { type: 'string', multiple: true, default: [] },
      },
    });
    const given = values['port-base'] ?? String(defaultPortBase);
    const portBase = Number(given);
    // `Number` would also accept 0x1000 and 4e3.
    if (!/^[1-9]\d{3,4}$/.test(given) || portBase < 1024 || portBase > 65_000) {
      throw new Error('--port-base must be a number from 1024 to 65000');
    }
    const verifiers = services.filter(({ trust }) => trust === 'verifier').map(({ name }) => name);
    const encryptTokensFor = values['encrypt-tokens-for'];
    if (!encryptTokensFor.every((name) => verifiers.includes(name))) {
      throw new Error(
        `--encrypt-tokens-for must be one of ${verifiers.join(', ')}; it can be given several times`,
      );
    }
    return { portBase, stateDir: resolve(values['state-dir'] ?? defaultStateDir), encryptTokensFor };
  } catch (cause) {
    const usage = 'npm start [-- --port-base 3000 --state-dir .signet --encrypt-tokens-for orders]';
    throw new SetupError('bad_argument', `${(cause as Error).message}. Usage: ${usage}`, { cause });
  }
}

function greet(running: RunningFile, stateDir: string, demoData: boolean): void {
  const { admin, demo } = readCredentials(stateDir);
  const servicesLines = Object.entries(running.services).map(
    ([name, { url }]) => `  ${name.padEnd(10)} ${url}/docs`,
  );
  const people = [...(demoData ? [['demo user', demo] as const] : []), ['admin', admin] as const];
  const logins = people.map(([who, { email, password }]) => `  ${who.padEnd(10)} ${email}  ${password}`);
  say(`
Signet is ready (${((Date.now() - begun) / 1000).toFixed(1)} s)

${servicesLines.join('\n')}

${logins.join('\n')}

Try, in another terminal:
${demoData ? '  npm run tour\n' : ''}  curl -s ${running.issuer}/auth/login -H 'content-type: application/json' -d '${JSON.stringify(people[0]![1])}'

Logs are in ${relative(process.cwd(), running.logsDir)}. Ctrl-C stops everything. The next npm start continues with the same data.`);
}
