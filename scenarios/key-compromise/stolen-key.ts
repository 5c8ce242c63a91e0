/** What an attacker does who has auth's database and its key-encryption key: he opens signing keys and signs with them. */
import { createDecipheriv, createPrivateKey, randomUUID, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { signCompact, type TestAlg } from '#testing';
import { secretPaths } from '../../infra/system/secrets.js';

/** Where the attacker is: on auth's machine, or with a copy of it. */
export interface Victim {
  readonly stateDir: string;
  readonly issuer: string;
  readonly postgresPort: number;
}

/** The private half of one of auth's signing keys, in the wrong hands. */
export interface StolenKey {
  readonly kid: string;
  readonly alg: TestAlg;
  readonly status: string;
  readonly privateKey: KeyObject;
}

/** A connection to auth's database as one of its two roles. */
export async function openDatabase(
  { stateDir, postgresPort: port }: Victim,
  role: 'auth' | 'auth_owner' = 'auth',
): Promise<pg.Client> {
  const file =
    role === 'auth'
      ? join(secretPaths.of(stateDir, 'auth'), 'database-password')
      : secretPaths.ownerPassword(stateDir, 'auth');
  const password = readFileSync(file, 'utf8');
  const client = new pg.Client({ host: '127.0.0.1', port, database: 'auth', user: role, password });
  await client.connect();
  return client;
}

/** Opens every signing key that still has a private half: the active one and the standby. */
export async function stealKeys({ stateDir }: Victim, database: pg.Client): Promise<StolenKey[]> {
  const kek = readFileSync(join(secretPaths.of(stateDir, 'auth'), 'key-encryption-key'), 'utf8');
  const { rows } = await database.query<{
    kid: string;
    alg: TestAlg;
    status: string;
    public_jwk: object;
    seal: string;
  }>(`SELECT kid, alg, status, public_jwk, seal FROM signing_key WHERE status IN ('active', 'prepared')`);
  return rows.map(({ public_jwk: publicJwk, seal, ...key }) => {
    const bytes = Buffer.from(seal.split('.')[1]!, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', Buffer.from(kek, 'base64'), bytes.subarray(0, 12));
    const jwk = Object.entries(publicJwk).sort(([a], [b]) => (a < b ? -1 : 1));
    decipher.setAAD(Buffer.from(JSON.stringify(['access-token', key.kid, key.alg, jwk])));
    decipher.setAuthTag(bytes.subarray(-16));
    const der = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    return { ...key, privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) };
  });
}

/** A token that says whatever the attacker likes, signed as auth would sign it. */
export function forge(
  { issuer }: Victim,
  key: StolenKey,
  claims: { aud: string; scope: string } & Record<string, unknown>,
): string {
  const iat = Math.floor(Date.now() / 1000);
  const usual = { iss: issuer, sub: randomUUID(), client_id: 'web', sid: randomUUID() };
  const payload = { ...usual, iat, exp: iat + 300, jti: randomUUID(), ...claims };
  return signCompact({ alg: key.alg, typ: 'at+jwt', kid: key.kid }, payload, key);
}
