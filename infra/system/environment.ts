import { join } from 'node:path';
import { secretPaths } from './secrets.js';
import { upperName } from './service-names.js';
import type { ServiceRow } from './services.js';

/** The programs of a service. `main` is the server; `migrate` and `seed` run once before it. */
export type Program = 'main' | 'migrate' | 'seed';

/** True if this module sets the variable. For such a variable `.env` is ignored: addresses, names, and files of secrets. */
export function isGenerated(variable: string): boolean {
  return /^(NODE_ENV|ISSUER)$|(^|_)(HOST|PORT|URLS?|NAME|USER|FILES?)$/.test(variable);
}

/** Where the parts of one system are. */
export interface SystemAddresses {
  stateDir: string;
  /** The address on which services listen. */
  listenHost: string;
  /** The `iss` of tokens and statements. Services compare it, and never connect to it. */
  issuer: string;
  /** The host at which each service reaches PostgreSQL, by the name of the service. */
  databaseHosts: Readonly<Record<string, string>>;
  postgresPort: number;
  natsHost: string;
  natsPort: number;
  /** The base URL at which other services reach each service, by name. */
  urls: Readonly<Record<string, string>>;
  /** The base URL of each service as clients see it, by name. */
  publicUrls: Readonly<Record<string, string>>;
  /** The HTTP port of each service, by name. */
  ports: Readonly<Record<string, number>>;
  nodeEnv: 'development' | 'production' | 'test';
}

/**
 * Makes the whole environment of one program. It names the secrets of its own service only. `migrate` logs in as the
 * owner of the database; `main` and `seed` log in as the runtime role. Only PATH is copied from our own environment.
 * @throws Error if a service has no address.
 */
export function environmentFor(
  row: ServiceRow,
  program: Program,
  system: SystemAddresses,
): Record<string, string> {
  const { stateDir } = system;
  const owner = program === 'migrate';
  const common = {
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: system.nodeEnv,
    LOG_LEVEL: 'info',
    DATABASE_HOST: known(system.databaseHosts, row.name),
    DATABASE_PORT: String(system.postgresPort),
    DATABASE_NAME: row.name,
    DATABASE_USER: owner ? `${row.name}_owner` : row.name,
    DATABASE_PASSWORD_FILE: owner
      ? secretPaths.ownerPassword(stateDir, row.name)
      : secretPaths.runtimePassword(stateDir, row.name),
  };
  if (program === 'migrate') return common;
  if (program === 'seed') {
    return row.seed === 'accounts'
      ? {
          ...common,
          SEED_CREDENTIALS_FILE: secretPaths.credentials(stateDir),
          SEED_CLIENT_FILES: otherServices(row, system)
            .map((name) => secretPaths.client(stateDir, name))
            .join(','),
        }
      : common;
  }
  return { ...common, ...serverEnvironment(row, system) };
}

function serverEnvironment(row: ServiceRow, system: SystemAddresses): Record<string, string> {
  const own = secretPaths.of(system.stateDir, row.name);
  const environment: Record<string, string> = {
    HOST: system.listenHost,
    PORT: String(known(system.ports, row.name)),
    NATS_URL: `nats://${system.natsHost}:${system.natsPort}`,
    NATS_NKEY_SEED_FILE: join(own, 'nats.nk'),
    ISSUER: system.issuer,
    ISSUER_FETCH_URL: known(system.urls, 'auth'),
    TRUST_ANCHOR_PUBLIC_FILE: join(secretPaths.public(system.stateDir), 'trust-anchor.pem'),
  };
  const statement = join(secretPaths.statements(system.stateDir, row.name), 'last-statement.jwt');
  environment[row.trust === 'issuer' ? 'STATEMENT_COPY_FILE' : 'TRUST_STATEMENT_FILE'] = statement;
  if (row.trust === 'issuer') {
    environment['TRUST_ANCHOR_PRIVATE_FILE'] = join(own, 'trust-anchor.private.pem');
    environment['KEY_ENCRYPTION_KEY_FILES'] = join(own, 'key-encryption-key');
    environment['RESOURCE_URLS'] = otherServices(row, system)
      .map((name) => `${name}=${known(system.publicUrls, name)}`)
      .join(',');
    // Third parties cache the plain JWKS for this time. With a short time a rotation can be watched from outside.
    if (system.nodeEnv !== 'production') environment['JWKS_MAX_AGE_SECONDS'] = '10';
  } else environment['RESOURCE_URL'] = known(system.publicUrls, row.name);
  if (row.calls.length > 0) environment['CLIENT_KEY_FILE'] = secretPaths.clientKey(system.stateDir, row.name);
  for (const callee of row.calls) environment[`${upperName(callee)}_URL`] = known(system.urls, callee);
  return environment;
}

/** The services of the system but this one. At auth, each is a client and a resource. */
function otherServices(row: ServiceRow, { urls }: SystemAddresses): string[] {
  return Object.keys(urls).filter((name) => name !== row.name);
}

function known<T>(table: Readonly<Record<string, T>>, service: string): T {
  const value = table[service];
  if (value === undefined) throw new Error(`The service ${service} has no address.`);
  return value;
}
