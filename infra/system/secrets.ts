/**
 * Makes the secrets of this installation, and never overwrites one. A service gets its own folder and `public/`:
 *
 *   secrets/<service>/         nats.nk  database-password  statements/ (the service writes this folder)
 *   secrets/<service>-owner/   database-password of the role that migrates; the service itself does not get it
 *   secrets/auth/              also trust-anchor.private.pem and key-encryption-key
 *   secrets/<other service>/   also client-key.private.pem, by which it authenticates at auth (client-keys.ts exchanges it)
 *   secrets/postgres/          superuser-password
 *   public/                    trust-anchor.pem  <service>.nkey  <other service>.client.json
 *   credentials.json           the logins of the first administrator and of the demo user
 */
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { SetupError } from './setup-error.js';
import type { ServiceRow } from './services.js';

/** The logins of a new installation. */
export interface Credentials {
  admin: { email: string; password: string };
  demo: { email: string; password: string };
}

/** The paths of the secrets below a state folder. */
export const secretPaths = {
  of: (stateDir: string, service: string) => join(stateDir, 'secrets', service),
  runtimePassword: (stateDir: string, service: string) =>
    join(stateDir, 'secrets', service, 'database-password'),
  ownerPassword: (stateDir: string, service: string) =>
    join(stateDir, 'secrets', `${service}-owner`, 'database-password'),
  /**
   * The only folder that a service writes. The issuer keeps its statement copy here. A verifier keeps the last statement
   * that it accepted, and its revocations.
   */
  statements: (stateDir: string, service: string) => join(stateDir, 'secrets', service, 'statements'),
  public: (stateDir: string) => join(stateDir, 'public'),
  /** The private half of the key by which a service authenticates at auth. */
  clientKey: (stateDir: string, service: string) =>
    join(stateDir, 'secrets', service, 'client-key.private.pem'),
  /** The next private half, while it is being exchanged. */
  nextClientKey: (stateDir: string, service: string) =>
    join(stateDir, 'secrets', service, 'client-key.next.private.pem'),
  /** The public half: what auth must know about this client, in the form of RFC 7591 §2 (`client_id`, `jwks`). */
  client: (stateDir: string, service: string) => join(stateDir, 'public', `${service}.client.json`),
  superuserPassword: (stateDir: string) => join(stateDir, 'secrets/postgres/superuser-password'),
  credentials: (stateDir: string) => join(stateDir, 'credentials.json'),
};

/** Makes every secret that does not exist yet. Files have mode 0600, folders have mode 0700. */
export function makeSecrets(stateDir: string, rows: readonly ServiceRow[]): void {
  for (const folder of secretFolders(stateDir, rows)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }
  writeOnce(secretPaths.superuserPassword(stateDir), password);
  writeOnce(secretPaths.credentials(stateDir), () => {
    const credentials: Credentials = {
      admin: { email: 'admin@example.com', password: password() },
      demo: { email: 'demo@example.com', password: password() },
    };
    return `${JSON.stringify(credentials, null, 2)}\n`;
  });
  for (const row of rows) makeServiceSecrets(stateDir, row);
}

/** The keys of the issuer that an operator can exchange. During the exchange, services know the old and the new one. */
export const exchangedKeys = ['trust-anchor', 'key-encryption-key'] as const;

/** Makes the next key of this kind, with the next free number, and returns the names of its files. */
export function makeSuccessor(
  stateDir: string,
  rows: readonly ServiceRow[],
  key: (typeof exchangedKeys)[number],
): { privateFile: string; publicFile?: string } {
  const folder = secretPaths.of(stateDir, rows.find(({ trust }) => trust === 'issuer')!.name);
  const files = [folder, secretPaths.public(stateDir)].flatMap((each) => readdirSync(each));
  const numbers = files.flatMap((file) => {
    const [, number] = new RegExp(`^${key}\\.(\\d+)(\\.|$)`).exec(file) ?? [];
    return number === undefined ? [] : [Number(number)];
  });
  const name = `${key}.${Math.max(1, ...numbers) + 1}`;
  if (key === 'trust-anchor') return makeAnchor(folder, secretPaths.public(stateDir), name);
  const privateFile = join(folder, name);
  writeOnce(privateFile, keyEncryptionKey);
  return { privateFile };
}

/** Every folder of secrets. An outer folder comes before the folders in it. */
export function secretFolders(stateDir: string, rows: readonly ServiceRow[]): string[] {
  const names = ['postgres', ...rows.flatMap(({ name }) => [name, `${name}-owner`])];
  return [
    stateDir,
    join(stateDir, 'secrets'),
    secretPaths.public(stateDir),
    ...names.map((name) => secretPaths.of(stateDir, name)),
    ...rows.map(({ name }) => secretPaths.statements(stateDir, name)),
  ];
}

/** Reads the generated logins. @throws SetupError `state_damaged`. */
export function readCredentials(stateDir: string): Credentials {
  return JSON.parse(readSecret(secretPaths.credentials(stateDir))) as Credentials;
}

/** Reads one secret. @throws SetupError `state_damaged`. */
export function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SetupError('state_damaged', `${file} cannot be read. To start over: npm run reset`, { cause });
  }
}

/** Reads the public nkey of each service. @throws SetupError `state_damaged`. */
export function publicNkeys(stateDir: string, rows: readonly ServiceRow[]): Record<string, string> {
  return Object.fromEntries(
    rows.map(({ name }) => [name, readSecret(join(secretPaths.public(stateDir), `${name}.nkey`)).trim()]),
  );
}

function makeServiceSecrets(stateDir: string, row: ServiceRow): void {
  const folder = secretPaths.of(stateDir, row.name);
  const publicFolder = secretPaths.public(stateDir);
  writeOnce(secretPaths.runtimePassword(stateDir, row.name), password);
  writeOnce(secretPaths.ownerPassword(stateDir, row.name), password);
  // Each public half is derived from the private half on disk, so the two always match.
  const seed = writeOnce(join(folder, 'nats.nk'), () => new TextDecoder().decode(createUser().getSeed()));
  writeOnce(join(publicFolder, `${row.name}.nkey`), () =>
    orDamaged(join(folder, 'nats.nk'), () => fromSeed(new TextEncoder().encode(seed.trim())).getPublicKey()),
  );
  if (row.trust !== 'issuer') return makeClient(stateDir, row.name);
  makeAnchor(folder, publicFolder, 'trust-anchor');
  writeOnce(join(folder, 'key-encryption-key'), keyEncryptionKey);
}

function makeClient(stateDir: string, service: string): void {
  const privateFile = secretPaths.clientKey(stateDir, service);
  const key = writeOnce(privateFile, privateKey);
  writeOnce(secretPaths.client(stateDir, service), () =>
    orDamaged(privateFile, () => clientRegistration(service, [key])),
  );
}

/** What auth must know about a client that has these private halves (PEM). */
export function clientRegistration(service: string, privateHalves: readonly string[]): string {
  const keys = privateHalves.map((pem) => ({
    ...createPublicKey(pem).export({ format: 'jwk' }),
    ...{ alg: 'ES256', use: 'sig' },
  }));
  return `${JSON.stringify({ client_id: service, jwks: { keys } })}\n`;
}

function makeAnchor(folder: string, publicFolder: string, name: string) {
  const privateFile = join(folder, `${name}.private.pem`);
  const publicFile = join(publicFolder, `${name}.pem`);
  const anchor = writeOnce(privateFile, privateKey);
  writeOnce(publicFile, () =>
    orDamaged(privateFile, () => createPublicKey(anchor).export({ type: 'spki', format: 'pem' }) as string),
  );
  return { privateFile, publicFile };
}

/** A new P-256 key, as PEM (PKCS#8). */
export function privateKey(): string {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function keyEncryptionKey(): string {
  return randomBytes(32).toString('base64');
}

function orDamaged(file: string, derive: () => string): string {
  try {
    return derive();
  } catch (cause) {
    throw new SetupError('state_damaged', `${file} does not hold a key. To start over: npm run reset`, {
      cause,
    });
  }
}

function password(): string {
  return randomBytes(18).toString('base64url');
}

/** Returns the content of the file. If there is no file, `make` makes the content. Linking a draft never leaves half a file. */
export function writeOnce(file: string, make: () => string): string {
  const existing = readIfThere(file);
  if (existing !== undefined) return existing;
  const draft = `${file}.${process.pid}.draft`;
  writeFileSync(draft, make(), { mode: 0o600 });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  return readFileSync(file, 'utf8');
}

function readIfThere(file: string): string | undefined {
  try {
    const content = readFileSync(file, 'utf8');
    if (content.trim() !== '') return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  }
  throw new SetupError('state_damaged', `${file} is empty or cannot be read. To start over: npm run reset`);
}
