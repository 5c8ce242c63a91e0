import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSecrets, publicNkeys, secretPaths } from '../../../infra/system/secrets.js';
import { services, type ServiceRow } from '../../../infra/system/services.js';
import { specServices } from '../../../infra/system/spec-services.js';
import { startNatsServer } from '../../../infra/local/nats-server.js';
import { findNatsServer } from '../../../infra/local/nats-server-finder.js';
import { freePort } from '../../../infra/local/ports.js';
import { tellReaper } from '../../../infra/local/reaper-client.js';

/** A real nats-server with the accounts of production. `stop`, `start` and `wipe` do not change its port and keys. */
export interface TestNats {
  /** `nats://127.0.0.1:<port>` */
  url: string;
  /** The nkey seed of a service. @throws Error for a service that is not in the table. */
  nkeySeed(service: string): string;
  /** The file with this seed. */
  nkeySeedFile(service: string): string;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops the server, removes every stream, and starts it again. */
  wipe(): Promise<void>;
  /**
   * Copies the storage and restarts the server. The returned function restarts the server with that copy: everything
   * stored after the copy is lost, as after a crash.
   */
  copyStorage(): Promise<() => Promise<void>>;
  /** Stops the server finally. Its folder is removed when the process ends. */
  close(): Promise<void>;
}

/** The services of the specs, and those of this system. */
const allServices: readonly ServiceRow[] = [
  ...specServices,
  ...services.filter(({ name }) => !specServices.some((row) => row.name === name)),
];

/** Starts a server on a free port. By default it knows the services of the specs and those of this system. */
export async function startTestNats(options: { services?: readonly ServiceRow[] } = {}): Promise<TestNats> {
  const rows = options.services ?? allServices;
  const dir = mkdtempSync(join(tmpdir(), 'test-nats-'));
  tellReaper(`rm ${dir}`);
  makeSecrets(dir, rows);
  const port = await freePort();
  const program = await findNatsServer();
  const launch = () =>
    startNatsServer({
      program,
      dir: join(dir, 'nats'),
      port,
      rows,
      publicKeys: publicNkeys(dir, rows),
      logFile: join(dir, 'nats.log'),
    });
  let server = await launch();
  const nkeySeedFile = (service: string) => join(secretPaths.of(dir, service), 'nats.nk');
  const stop = async () => {
    await server.stop();
  };
  const start = async () => {
    if (!server.running) server = await launch();
  };
  const storage = join(dir, 'nats/jetstream');
  const replaceStorage = async (replace: () => void) => {
    await stop();
    replace();
    await start();
  };
  return {
    url: `nats://127.0.0.1:${port}`,
    nkeySeedFile,
    nkeySeed: (service) => readFileSync(nkeySeedFile(service), 'utf8').trim(),
    stop,
    start,
    wipe: () => replaceStorage(() => rmSync(storage, { recursive: true, force: true })),
    async copyStorage() {
      const copy = mkdtempSync(join(dir, 'storage-'));
      await replaceStorage(() => cpSync(storage, copy, { recursive: true }));
      return () =>
        replaceStorage(() => {
          rmSync(storage, { recursive: true });
          cpSync(copy, storage, { recursive: true });
        });
    },
    close: stop,
  };
}
