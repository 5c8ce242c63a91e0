/**
 * Where things are when the system runs in containers: names instead of loopback ports, one volume for each reader.
 * `docker-compose.yml` and what runs in the one-shot containers are both made from this.
 */
import { join } from 'node:path';
import type { SystemAddresses } from '../system/environment.js';
import { secretFolders, secretPaths } from '../system/secrets.js';
import { defaultPortBase, type ServiceRow } from '../system/services.js';

/** The state folder of every container; each mounts the parts that it may read. */
export const stateDir = '/state';

/** PostgreSQL's own user in the official Alpine image; its group may read the superuser's password. */
export const postgresGroup = 70;

/** The name that PostgreSQL has on the data network of a service, and on no other. */
export const databaseHost = (service: string) => `${service}-database`;

/** Where nats-server finds its configuration and keeps its streams. */
export const natsPaths = {
  config: join(stateDir, 'nats-config'),
  data: join(stateDir, 'nats'),
};

/** The port on which nats-server answers its own health check, and nobody else. */
export const natsMonitorPort = 8222;

/** Where the proxy keeps the certificates that it makes for itself (compose.tls.yml). */
export const proxyData = join(stateDir, 'proxy');

/** The port of a service inside its container and, by default, on this machine. */
export const portOf = ({ portOffset }: ServiceRow) => defaultPortBase + portOffset;

/** The variable of `.env` that moves a service to another port of this machine. */
export const portVariable = ({ name }: ServiceRow) => `${name.toUpperCase().replaceAll('-', '_')}_PORT`;

/** The port of a service on this machine, for Compose to fill in. */
export const publishedPort = (row: ServiceRow) => `\${${portVariable(row)}:-${portOf(row)}}`;

/** The addresses of the system in containers. */
export function containerAddresses(
  rows: readonly ServiceRow[],
  nodeEnv: SystemAddresses['nodeEnv'] = 'development',
): SystemAddresses {
  const byName = <T>(value: (row: ServiceRow) => T): Record<string, T> =>
    Object.fromEntries(rows.map((row) => [row.name, value(row)]));
  const issuer = rows.find((row) => row.trust === 'issuer')!;
  const scheme = nodeEnv === 'production' ? 'https' : 'http';
  return {
    stateDir,
    nodeEnv,
    listenHost: '0.0.0.0',
    issuer: `${scheme}://localhost:${publishedPort(issuer)}`,
    databaseHosts: byName(({ name }) => databaseHost(name)),
    postgresPort: 5432,
    natsHost: 'nats',
    natsPort: 4222,
    ports: byName(portOf),
    urls: byName((row) => `http://${row.name}:${portOf(row)}`),
  };
}

/** A named volume and where it is mounted, in `setup` and in whoever reads it. */
export interface Volume {
  name: string;
  path: string;
}

/** One volume for each reader, so that nobody is given another's secrets. The outer folders first. */
export function volumes(rows: readonly ServiceRow[]): Volume[] {
  const secrets = secretFolders(stateDir, rows)
    .filter((folder) => folder !== join(stateDir, 'secrets'))
    .map((path) => ({ name: volumeName(path), path }));
  const others = [natsPaths.config, natsPaths.data, proxyData].map((path) => ({
    name: volumeName(path),
    path,
  }));
  return [...secrets, ...others];
}

/** The volume of a folder below the state folder: `/state/secrets/auth` is in `secrets-auth`. */
export function volumeName(path: string): string {
  return path === stateDir ? 'credentials' : path.slice(stateDir.length + 1).replaceAll('/', '-');
}

/** What the server of a service reads alone: its own secrets and what is public. */
export function serverFolders({ name }: ServiceRow): string[] {
  return [secretPaths.of(stateDir, name), secretPaths.public(stateDir)];
}
