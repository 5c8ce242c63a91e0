/**
 * Names, ports, folders and volumes of the system in containers. docker-compose.yml and the one-shot programs both use
 * this file.
 */
import { join } from 'node:path';
import type { SystemAddresses } from '../system/environment.js';
import { secretFolders, secretPaths } from '../system/secrets.js';
import { upperName } from '../system/service-names.js';
import { defaultPortBase, type ServiceRow } from '../system/services.js';

/** The state folder in every container. A container mounts only the parts that it may read. */
export const stateDir = '/state';

/** The user and the group of PostgreSQL in the official Alpine image. The group may read the superuser's password. */
export const postgresGroup = 70;

/** The host name of PostgreSQL on the data network of a service. No other network knows this name. */
export const databaseHost = (service: string) => `${service}-database`;

/** The folders of nats-server: its configuration and its streams. */
export const natsPaths = {
  config: join(stateDir, 'nats-config'),
  data: join(stateDir, 'nats'),
};

/** The port on which nats-server answers the health check of its own container only. */
export const natsMonitorPort = 8222;

/** The folder in which the proxy keeps its own certificates (compose.tls.yml). */
export const proxyData = join(stateDir, 'proxy');

/** The port of a service in its container. By default, it is also the port on this machine. */
export const portOf = ({ portOffset }: ServiceRow) => defaultPortBase + portOffset;

/** The variable in `.env` that changes the port of a service on this machine. */
export const portVariable = ({ name }: ServiceRow) => `${upperName(name)}_PORT`;

/** The port of a service on this machine, as an expression that Compose evaluates. */
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
  const publicUrl = (row: ServiceRow) => `${scheme}://localhost:${publishedPort(row)}`;
  return {
    stateDir,
    nodeEnv,
    listenHost: '0.0.0.0',
    issuer: publicUrl(issuer),
    databaseHosts: byName(({ name }) => databaseHost(name)),
    postgresPort: 5432,
    natsHost: 'nats',
    natsPort: 4222,
    ports: byName(portOf),
    urls: byName((row) => `http://${row.name}:${portOf(row)}`),
    publicUrls: byName(publicUrl),
  };
}

/** A named volume and its mount point. The mount point is the same in `setup` and in each reader. */
interface Volume {
  name: string;
  path: string;
}

/** Each reader has a volume of its own, so it cannot read the secrets of another. Outer folders come first. */
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

/** The folders that the server of a service reads: its own secrets and the public halves. */
export function serverFolders({ name }: ServiceRow): string[] {
  return [secretPaths.of(stateDir, name), secretPaths.public(stateDir)];
}
