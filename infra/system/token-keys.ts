/**
 * Makes what encrypted access tokens need. Each audience gets a key pair of its own. The private half is in the secrets of
 * the audience; auth gets the public halves.
 *
 *   secrets/<audience>/token-decryption-key.json    a private JWK, made once
 *   public/token-encryption-keys.json               a public JWK for each audience that is named now
 */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { secretPaths, writeOnce } from './secrets.js';
import type { ServiceRow } from './services.js';

/** The file with the private half of an audience's key pair. */
export const tokenDecryptionKeyFile = (stateDir: string, audience: string) =>
  join(secretPaths.of(stateDir, audience), 'token-decryption-key.json');

/** The file with the public halves. */
export const tokenEncryptionKeysFile = (stateDir: string) =>
  join(secretPaths.public(stateDir), 'token-encryption-keys.json');

/** Makes the keys and returns the settings with which auth encrypts and the audiences decrypt, by the name of the service. */
export function makeTokenKeys(
  stateDir: string,
  audiences: readonly string[],
  rows: readonly ServiceRow[],
): Record<string, Record<string, string>> {
  if (audiences.length === 0) return {};
  const settings: Record<string, Record<string, string>> = {};
  const publicJwks: Record<string, object> = {};
  for (const audience of audiences) {
    const file = tokenDecryptionKeyFile(stateDir, audience);
    const { kty, crv, x, y } = JSON.parse(writeOnce(file, makePrivateJwk)) as Record<string, string>;
    publicJwks[audience] = { kty, crv, x, y };
    settings[audience] = { TOKEN_DECRYPTION_KEY_FILE: file };
  }
  const publicFile = tokenEncryptionKeysFile(stateDir);
  writeFileSync(publicFile, JSON.stringify(publicJwks, null, 2), { mode: 0o600 });
  const issuer = rows.find(({ trust }) => trust === 'issuer')!.name;
  return { ...settings, [issuer]: { TOKEN_ENCRYPTION_KEYS_FILE: publicFile } };
}

function makePrivateJwk(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return JSON.stringify(privateKey.export({ format: 'jwk' }));
}
