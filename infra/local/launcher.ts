/** What `npm start` and `npm run dev` share: they start the system, greet, and run it until a signal or a crash. */
import { relative } from 'node:path';
import { readCredentials } from '../system/secrets.js';
import { inspectorPort, services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { type LaunchArguments, readArguments } from './arguments.js';
import { ownSettings } from './own-settings.js';
import type { RunningFile } from './state-dir.js';
import { type RunningSystem, startSystem, type SystemOptions } from './system.js';

/** What a command adds to the running system. */
export interface Companion {
  options: Partial<SystemOptions>;
  /** Begins when the system is ready. Resolves with a report if it cannot go on. */
  attend(system: RunningSystem): Promise<string>;
  /** Ends its work. The system still runs. */
  stop(): Promise<void>;
}

/** If the issuer is run by hand, the others become ready only when somebody has started it. */
const readyByHandTimeoutMs = 600_000;
const begun = Date.now();
const say = (line: string) => console.log(line);

/** Runs a command, for example `npm start`, with its arguments. Sets the exit code: 0 after a signal, 1 after a failure. */
export async function launch(
  command: string,
  args: string[],
  companionOf?: (given: LaunchArguments) => Companion,
): Promise<void> {
  process.stdout.on('error', () => undefined); // the terminal may close before we have stopped
  try {
    const given = readArguments(command, args);
    process.exitCode = await run(command, given, companionOf?.(given));
  } catch (error) {
    console.error(error instanceof SetupError ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

async function run(command: string, given: LaunchArguments, companion?: Companion): Promise<number> {
  const { without } = given;
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
  const issuerByHand = services.some(({ name, trust }) => trust === 'issuer' && without.includes(name));

  try {
    system = await startSystem({
      ...given,
      ...(issuerByHand && { readyTimeoutMs: readyByHandTimeoutMs }),
      settings: Object.fromEntries(services.map(({ name }) => [name, settings])),
      log: (line) => say(`  ${line}`),
      signal: stopping.signal,
      ...companion?.options,
    });
  } catch (error) {
    await companion?.stop();
    if (stopping.signal.aborted) return 0;
    throw error;
  }
  greet(command, system.running, given, {
    inspect: companion?.options.inspect ?? false,
    demoData: settings['DEMO_DATA'] !== 'false',
  });
  const failures = [system.crashed, ...(companion ? [companion.attend(system)] : [])];
  const report = await Promise.race([signalled, ...failures]);
  if (report !== undefined) console.error(`\n${report}\nStopping everything else.`);
  await companion?.stop();
  await system.stop();
  return report === undefined ? 0 : 1;
}

function greet(
  command: string,
  running: RunningFile,
  { stateDir, portBase, without }: LaunchArguments,
  { inspect, demoData }: { inspect: boolean; demoData: boolean },
): void {
  const { admin, demo } = readCredentials(stateDir);
  const servicesLines = services.map((row) => {
    const line = `  ${row.name.padEnd(10)} ${running.services[row.name]?.url}/docs`;
    if (without.includes(row.name)) return `${line}   (you run it by hand)`;
    return inspect ? `${line}   inspector: 127.0.0.1:${inspectorPort(portBase, row)}` : line;
  });
  const people = [...(demoData ? [['demo user', demo] as const] : []), ['admin', admin] as const];
  const logins = people.map(([who, { email, password }]) => `  ${who.padEnd(10)} ${email}  ${password}`);
  say(`
Signet is ready (${((Date.now() - begun) / 1000).toFixed(1)} s)

${servicesLines.join('\n')}

${logins.join('\n')}

Try, in another terminal:
${demoData ? '  npm run tour\n' : ''}  curl -s ${running.issuer}/auth/login -H 'content-type: application/json' -d '${JSON.stringify(people[0]![1])}'

Logs are in ${relative(process.cwd(), running.logsDir)}. Ctrl-C stops everything, and so does: kill ${process.pid}
The next ${command} continues with the same data.`);
}
