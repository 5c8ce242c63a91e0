import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { SuperuserLogin } from '../system/service-database.js';
import { environmentFor, type Program, type SystemAddresses } from '../system/environment.js';
import { readSecret, secretPaths } from '../system/secrets.js';
import { inspectorPort, serverPortOffsets, type ServiceRow } from '../system/services.js';
import type { ChildSpec } from './processes.js';
import { type RunningFile, statePaths } from './state-dir.js';

const host = '127.0.0.1';

/** The addresses of a system on one machine. */
export function planAddresses(
  stateDir: string,
  portBase: number,
  rows: readonly ServiceRow[],
  nodeEnv: SystemAddresses['nodeEnv'],
): SystemAddresses {
  const ports = Object.fromEntries(rows.map((row) => [row.name, portBase + row.portOffset]));
  const issuer = rows.find((row) => row.trust === 'issuer');
  const urlsAt = (name: string) =>
    Object.fromEntries(Object.entries(ports).map(([service, port]) => [service, `http://${name}:${port}`]));
  return {
    stateDir,
    listenHost: host,
    nodeEnv,
    ports,
    databaseHosts: Object.fromEntries(rows.map(({ name }) => [name, host])),
    natsHost: host,
    urls: urlsAt(host),
    publicUrls: urlsAt('localhost'),
    issuer: `http://localhost:${portBase + (issuer?.portOffset ?? 0)}`,
    postgresPort: portBase + serverPortOffsets.postgres,
    natsPort: portBase + serverPortOffsets.nats,
  };
}

/** How to run one program of a service. `settings` are added to the generated environment. */
export function planProgram(
  row: ServiceRow,
  program: Program,
  appsDir: string,
  addresses: SystemAddresses,
  settings: Readonly<Record<string, string>> = {},
): ChildSpec {
  return {
    name: program === 'main' ? row.name : `${row.name} ${program}`,
    command: process.execPath,
    args: ['--enable-source-maps', join(appsDir, row.name, 'src', `${program}.js`)],
    env: { ...environmentFor(row, program, addresses), ...settings },
    cwd: addresses.stateDir,
    logFile: statePaths.log(addresses.stateDir, row.name),
  };
}

/** The option of Node with which a service has its inspector. Only a debugger on this machine can attach. */
export function inspectOption(row: ServiceRow, portBase: number): string {
  return `--inspect=${host}:${inspectorPort(portBase, row)}`;
}

/**
 * The content of a file for `node --env-file`.
 * @throws Error if Node cannot read a value from such a file.
 */
export function planEnvFile(environment: Readonly<Record<string, string>>): string {
  const lines = Object.entries(environment).map(([name, value]) => {
    const forms = ["'", '"', '`'].map((quote) => `${name}=${quote}${value}${quote}`);
    const line = forms.find((form) => parseEnv(form)[name] === value);
    if (line === undefined) throw new Error(`The value of ${name} cannot be written into a file for Node.`);
    return line;
  });
  return `${lines.join('\n')}\n`;
}

/** The login of PostgreSQL's superuser. No service gets it. @throws SetupError `state_damaged`. */
export function planSuperuser({ stateDir, postgresPort }: SystemAddresses): SuperuserLogin {
  return {
    host,
    port: postgresPort,
    user: 'postgres',
    password: readSecret(secretPaths.superuserPassword(stateDir)),
  };
}

/** The content of running.json. A service that this launcher has not started has the pid 0. */
export function planRunningFile(
  portBase: number,
  addresses: SystemAddresses,
  pids: ReadonlyMap<string, number>,
): RunningFile {
  const { stateDir, publicUrls } = addresses;
  const entries = Object.entries(publicUrls).map(
    ([name, url]) => [name, { url, pid: pids.get(name) ?? 0 }] as const,
  );
  return {
    pid: process.pid,
    portBase,
    issuer: addresses.issuer,
    services: Object.fromEntries(entries),
    postgres: { port: addresses.postgresPort },
    nats: { port: addresses.natsPort },
    credentialsFile: secretPaths.credentials(stateDir),
    publicDir: secretPaths.public(stateDir),
    logsDir: statePaths.logs(stateDir),
  };
}

/**
 * A digest of everything that `migrate` and `seed` of a service depend on: its built code, its settings, the logins, and
 * for auth the keys of its clients.
 */
export function digestOfPreparation(
  row: ServiceRow,
  appsDir: string,
  stateDir: string,
  settings: Readonly<Record<string, string>> = {},
): string {
  const folder = join(appsDir, row.name, 'src');
  const hash = createHash('sha256').update(readSecret(secretPaths.credentials(stateDir)));
  if (row.seed === 'accounts') {
    const clients = readdirSync(secretPaths.public(stateDir)).filter((file) => file.endsWith('.client.json'));
    for (const file of clients.sort()) hash.update(readSecret(join(secretPaths.public(stateDir), file)));
  }
  hash.update(JSON.stringify(settings));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  );
  for (const file of files.sort()) hash.update(`${file}\0`).update(readFileSync(join(folder, file)));
  return hash.digest('hex');
}
