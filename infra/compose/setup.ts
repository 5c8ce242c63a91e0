/**
 * The one-shot program `setup`: makes the secrets of this installation, each in the volume of its reader, and the
 * configuration of nats-server. A second run changes no secret.
 */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { natsConfig } from '../system/nats-config.js';
import { makeSecrets, publicNkeys, secretPaths } from '../system/secrets.js';
import { services } from '../system/services.js';
import { containerAddresses, natsMonitorPort, natsPaths, postgresGroup, stateDir } from './layout.js';

makeSecrets(stateDir, services);
letPostgresRead(secretPaths.superuserPassword(stateDir));
writeNatsConfig();
console.log(
  'The secrets of this installation are in their volumes. To see the logins: docker compose run --rm credentials',
);

/** PostgreSQL runs as a user of its own. This process is a member of PostgreSQL's group, so it may give files to it. */
function letPostgresRead(file: string): void {
  for (const [path, mode] of [
    [file, 0o640],
    [dirname(file), 0o750],
  ] as const) {
    chownSync(path, process.getuid!(), postgresGroup);
    chmodSync(path, mode);
  }
}

function writeNatsConfig(): void {
  const { natsPort } = containerAddresses(services);
  const config = natsConfig({
    rows: services,
    publicKeys: publicNkeys(stateDir, services),
    listenHost: '0.0.0.0',
    port: natsPort,
    monitorPort: natsMonitorPort,
    storeDir: join(natsPaths.data, 'jetstream'),
  });
  mkdirSync(natsPaths.config, { recursive: true });
  writeFileSync(join(natsPaths.config, 'nats.conf'), config, { mode: 0o600 });
}
