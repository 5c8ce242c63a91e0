/**
 * Exchanges the files of a service's client key. auth learns of each step in between (`keys client-keys`):
 *
 *   1. prepare   make the next private half beside the present one; public/<service>.client.json names both
 *                auth registers the next key
 *   2. place     the next private half replaces the present one; the service signs with it
 *                auth ends every other key
 *   3. settle    the public file names the new key alone
 *
 * Each step is one replacement of a file, and can be repeated. The files show how far an interrupted exchange got.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { clientRegistration, privateKey, readSecret, secretPaths } from './secrets.js';
import type { ServiceRow } from './services.js';

export const clientKeySteps = ['prepare', 'place', 'settle'] as const;

/** The services that have a client key. The issuer has none: it asks nobody for tokens. */
export function clientsOf(rows: readonly ServiceRow[]): string[] {
  return rows.filter(({ trust }) => trust !== 'issuer').map(({ name }) => name);
}

/** True if the new key is in its place, and the public file still names the old one. */
export function isClientKeyPlaced(stateDir: string, service: string): boolean {
  const { jwks } = JSON.parse(readSecret(secretPaths.client(stateDir, service))) as {
    jwks: { keys: unknown[] };
  };
  return jwks.keys.length > 1 && !existsSync(secretPaths.nextClientKey(stateDir, service));
}

/**
 * Makes the next key, or keeps the one that an interrupted exchange has made. `afresh` never keeps one: a thief may have
 * it. The public file names the next key first.
 */
export function prepareClientKey(stateDir: string, service: string, { afresh }: { afresh: boolean }): void {
  const next = secretPaths.nextClientKey(stateDir, service);
  if (afresh || !existsSync(next)) replaceFile(next, privateKey());
  const halves = [next, secretPaths.clientKey(stateDir, service)].map(readSecret);
  replaceFile(secretPaths.client(stateDir, service), clientRegistration(service, halves));
}

/** Puts the next key in the place of the present one. Without a next key it does nothing. */
export function placeClientKey(stateDir: string, service: string): void {
  const next = secretPaths.nextClientKey(stateDir, service);
  if (existsSync(next)) renameSync(next, secretPaths.clientKey(stateDir, service));
}

/** Names the present key alone in the public file. */
export function settleClientKey(stateDir: string, service: string): void {
  const present = readSecret(secretPaths.clientKey(stateDir, service));
  replaceFile(secretPaths.client(stateDir, service), clientRegistration(service, [present]));
}

/** A reader sees the whole old content or the whole new one, also after a crash of the machine. */
function replaceFile(file: string, content: string): void {
  const draft = `${file}.draft`;
  rmSync(draft, { force: true });
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  renameSync(draft, file);
}
