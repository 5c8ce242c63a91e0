/**
 * `npm run tour [-- --port-base N] [--state-dir DIR]`: shows the tour on the running system. Exits with 0 if every answer was
 * the expected one. In containers there is also `--replicas`, which finds all replicas of a service by its name, and
 * `--https`.
 */
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readCredentials, secretPaths } from '../system/secrets.js';
import { defaultPortBase, services, type ServiceRow } from '../system/services.js';
import { defaultStateDir, readRunning } from '../local/state-dir.js';
import { readArguments } from '../run-command.js';
import { SetupError } from '../system/setup-error.js';
import { painter } from './presentation.js';
import { runTour, type TourOptions } from './story.js';

const usage = 'npm run tour [-- --port-base 3000 --state-dir .signet]';
const colour = process.stdout.isTTY && !process.env['NO_COLOR'];

process.stdout.on('error', () => process.exit(1)); // for example after `npm run tour | head`
try {
  const system = await findSystem();
  await runTour({ ...system, colour, print: (line) => console.log(line) });
  console.log(`\n   ${painter(colour)('good', 'Every claim was true.')} To run it again: npm run tour`);
} catch (error) {
  const { message } = error as Error;
  console.error(`\n${painter(colour)('bad', message)}`);
  process.exitCode = 1;
}

async function findSystem(): Promise<Pick<TourOptions, 'urls' | 'admin' | 'replicas' | 'clientKeyFile'>> {
  const { portBase, stateDir, scheme, replicated } = argumentsOf();
  const urls = portBase === undefined ? urlsOfRunning(stateDir) : urlsAt(portBase, scheme);
  for (const url of Object.values(urls)) await requireAnswer(url);
  const file = secretPaths.credentials(stateDir);
  if (!existsSync(file)) {
    const problem = `The file ${file} does not exist, so the tour has no login of an administrator`;
    throw new SetupError('bad_argument', `${problem}. Give the state folder: ${usage}`);
  }
  const admin = readCredentials(stateDir).admin;
  const clientKeyFile = (service: string) => secretPaths.clientKey(stateDir, service);
  return { urls, admin, clientKeyFile, ...(replicated && { replicas: await findReplicas() }) };
}

interface Arguments {
  portBase: number | undefined;
  stateDir: string;
  scheme: 'http' | 'https';
  replicated: boolean;
}

function argumentsOf(): Arguments {
  return readArguments(usage, () => {
    const { values } = parseArgs({
      options: {
        'port-base': { type: 'string' },
        'state-dir': { type: 'string' },
        https: { type: 'boolean', default: false },
        replicas: { type: 'boolean', default: false },
      },
    });
    const given = values['port-base'];
    const portBase = given === undefined ? undefined : Number(given);
    // `Number` would also accept 0x1000 and 4e3.
    if (given !== undefined && !(/^[1-9]\d{0,4}$/.test(given) && Number(given) <= 65_000))
      throw new Error('--port-base must be a number up to 65000');
    return {
      portBase,
      stateDir: resolve(values['state-dir'] ?? defaultStateDir),
      scheme: values.https ? 'https' : 'http',
      replicated: values.replicas,
    };
  });
}

function urlsOfRunning(stateDir: string): TourOptions['urls'] {
  const running = readRunning(stateDir);
  if (running === undefined)
    throw notRunning(`The system of ${relative(process.cwd(), stateDir)} is not ready`);
  return toUrls(({ name }) => running.services[name]?.url);
}

function urlsAt(portBase: number, scheme: string): TourOptions['urls'] {
  return toUrls(({ portOffset }) => `${scheme}://localhost:${portBase + portOffset}`);
}

/** In containers, the name of a service resolves to the addresses of all its replicas. */
async function findReplicas(): Promise<NonNullable<TourOptions['replicas']>> {
  const replicas = services.map(async ({ name, portOffset }) => {
    const found = await lookup(name, { all: true, family: 4 });
    return [name, found.map(({ address }) => `http://${address}:${defaultPortBase + portOffset}`)] as const;
  });
  return Object.fromEntries(await Promise.all(replicas));
}

function toUrls(urlOf: (row: ServiceRow) => string | undefined): TourOptions['urls'] {
  const url = (row: ServiceRow): string => {
    const found = urlOf(row);
    if (found === undefined) throw notRunning(`The system has no service named ${row.name}`);
    return found;
  };
  return Object.fromEntries(services.map((row) => [row.name, url(row)]));
}

async function requireAnswer(url: string): Promise<void> {
  const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5_000) }).catch(
    () => undefined,
  );
  if (answer === undefined) throw notRunning(`Nothing answers at ${url}`);
  if (answer.status !== 200) throw notRunning(`${url} is not ready (${answer.status})`);
}

function notRunning(problem: string): SetupError {
  return new SetupError(
    'not_ready',
    `${problem}. Start Signet in another terminal and wait until it is ready: npm start`,
  );
}
