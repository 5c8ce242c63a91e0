/**
 * `node infra/bootstrap.mjs run dist/scenarios/plain-passport-jwt/forge-with.js FILE`: prints a token for the first
 * service of the table, signed
 * with the stolen key in FILE. If there is no such file yet, it steals the active signing key of the running system first.
 */
import { createPrivateKey } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { defaultStateDir, readRunning } from '../../infra/local/state-dir.js';
import { guardedServices } from '../../infra/system/services.js';
import { forge, openDatabase, stealKeys, type StolenKey, type Victim } from '../key-compromise/stolen-key.js';

const [file] = process.argv.slice(2);
const running = readRunning(defaultStateDir);
if (file === undefined || running === undefined)
  throw new Error('Start the system with npm start, and name a file.');
const victim = { stateDir: defaultStateDir, issuer: running.issuer, postgresPort: running.postgres.port };
if (!existsSync(file)) await stealInto(file, victim);
const { privateKey: pem, ...key } = JSON.parse(readFileSync(file, 'utf8')) as StolenKey & {
  privateKey: string;
};
const { name: aud } = guardedServices[0]!;
const stolen = { ...key, privateKey: createPrivateKey(pem) };
process.stdout.write(`${forge(victim, stolen, { aud, scope: `${aud}:read ${aud}:write` })}\n`);

async function stealInto(path: string, from: Victim): Promise<void> {
  const database = await openDatabase(from);
  const active = (await stealKeys(from, database)).find(({ status }) => status === 'active')!;
  await database.end();
  const privateKey = active.privateKey.export({ format: 'pem', type: 'pkcs8' });
  writeFileSync(path, JSON.stringify({ ...active, privateKey }), { mode: 0o600 });
}
