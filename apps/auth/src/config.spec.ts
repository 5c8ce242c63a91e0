import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadSettings, SettingsError } from '#service-kit';
import { createTestRecipient } from '#testing';
import { audiences } from './accounts/scopes.js';
import { authSettings } from './config.js';

const folder = mkdtempSync(join(tmpdir(), 'auth-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: string): string {
  const path = join(folder, String((files += 1)));
  writeFileSync(path, content);
  return path;
}

function anchorFiles(namedCurve = 'P-256') {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  return {
    privateFile: file(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string),
    publicFile: file(publicKey.export({ type: 'spki', format: 'pem' }) as string),
  };
}

const anchor = anchorFiles();
const kek = randomBytes(32).toString('base64');
const usable = {
  NODE_ENV: 'test',
  PORT: '3000',
  DATABASE_HOST: '127.0.0.1',
  DATABASE_NAME: 'auth',
  DATABASE_USER: 'auth',
  DATABASE_PASSWORD_FILE: file('secret'),
  NATS_URL: 'nats://127.0.0.1:4222',
  NATS_NKEY_SEED_FILE: file('seed'),
  ISSUER: 'http://localhost:3000',
  TRUST_ANCHOR_PUBLIC_FILE: anchor.publicFile,
  TRUST_ANCHOR_PRIVATE_FILE: anchor.privateFile,
  KEY_ENCRYPTION_KEY_FILES: file(kek),
};

function faults(changes: Record<string, string>): string {
  try {
    loadSettings(authSettings, { ...usable, ...changes });
    return 'none';
  } catch (error) {
    if (error instanceof SettingsError) return error.faults.join('\n');
    throw error;
  }
}

describe('the settings of auth', () => {
  it('are usable with their defaults', () => {
    const settings = loadSettings(authSettings, usable);
    expect(settings).toMatchObject({ signingAlg: 'ES256', accessTokenSeconds: 300, passwordMinLength: 15 });
    expect(settings.keyEncryptionKey).toEqual([kek]);
  });

  it('map the URLs of services to their names', () => {
    const env = { ...usable, RESOURCE_URLS: 'orders=http://o:1, inventory=https://i.test/base' };
    expect(loadSettings(authSettings, env).resources).toEqual([
      { audience: 'orders', url: 'http://o:1' },
      { audience: 'inventory', url: 'https://i.test/base' },
    ]);
    for (const text of [
      'orders',
      'orders=',
      '=http://o:1',
      'orders=http://o:1/',
      'Orders=http://o:1',
      'orders=ftp://o',
    ])
      expect(faults({ RESOURCE_URLS: text })).toMatch(/^RESOURCE_URLS: not an audience and a base URL/);
  });

  it('know no service by an http URL in production', () => {
    const production = { NODE_ENV: 'production', ISSUER: 'https://issuer.test', JWKS_MAX_AGE_SECONDS: '300' };
    const fault = /RESOURCE_URLS: production needs https URLs/;
    expect(faults({ ...production, RESOURCE_URLS: 'orders=https://o.test,inventory=http://i.test' })).toMatch(
      fault,
    );
    expect(faults({ ...production, RESOURCE_URLS: 'orders=https://o.test' })).not.toMatch(fault);
  });

  it('have an anchor whose public half verifiers can have', () => {
    const other = anchorFiles();
    expect(faults({ TRUST_ANCHOR_PRIVATE_FILE: other.privateFile })).toMatch(/^TRUST_ANCHOR_PRIVATE_FILE: /);
    expect(faults({ TRUST_ANCHOR_PUBLIC_FILE: `${other.publicFile},${anchor.publicFile}` })).toBe('none');
  });

  it.each<[string, () => Record<string, string>, string]>([
    [
      'an anchor that is no key',
      () => ({ TRUST_ANCHOR_PRIVATE_FILE: file('not a key') }),
      'TRUST_ANCHOR_PRIVATE',
    ],
    [
      'an anchor on another curve',
      () => ({ TRUST_ANCHOR_PRIVATE_FILE: anchorFiles('P-384').privateFile }),
      'TRUST_ANCHOR_PRIVATE',
    ],
    [
      'a private key as a pin',
      () => ({ TRUST_ANCHOR_PUBLIC_FILE: anchor.privateFile }),
      'TRUST_ANCHOR_PUBLIC_FILE',
    ],
    [
      'a short key-encryption key',
      () => ({ KEY_ENCRYPTION_KEY_FILES: file('c2hvcnQ=') }),
      'KEY_ENCRYPTION_KEY',
    ],
    ['an unknown algorithm', () => ({ SIGNING_ALG: 'HS256' }), 'SIGNING_ALG'],
    ['no algorithm', () => ({ SIGNING_ALG: 'none' }), 'SIGNING_ALG'],
    ['short RSA keys', () => ({ RSA_MODULUS_BITS: '1024' }), 'RSA_MODULUS_BITS'],
    ['short passwords', () => ({ PASSWORD_MIN_LENGTH: '7' }), 'PASSWORD_MIN_LENGTH'],
    ['a wide skew', () => ({ CLOCK_SKEW_SECONDS: '6' }), 'CLOCK_SKEW_SECONDS'],
    ['statements that end before tokens do', () => ({ STATEMENT_SECONDS: '309' }), 'STATEMENT_SECONDS'],
    [
      'statements that end before tokens of an older setting',
      () => ({ ACCESS_TOKEN_SECONDS: '60', STATEMENT_SECONDS: '309' }),
      'STATEMENT_SECONDS',
    ],
    ['tokens longer than verifiers accept', () => ({ ACCESS_TOKEN_SECONDS: '301' }), 'ACCESS_TOKEN_SECONDS'],
    [
      'tokens longer than NATS keeps revocations',
      () => ({ MAX_TOKEN_SECONDS: '3601', STATEMENT_SECONDS: '7200' }),
      'MAX_TOKEN_SECONDS',
    ],
  ])('refuse %s, and show no secret', (_name, changes, named) => {
    const told = faults(changes());
    expect(told).toContain(named);
    expect(told).not.toMatch(/not a key|c2hvcnQ|BEGIN|secret/);
  });

  describe('encrypted access tokens', () => {
    const { publicJwk, privateJwk } = createTestRecipient();
    const refused = (content: unknown) => {
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      return faults({ TOKEN_ENCRYPTION_KEYS_FILE: file(text) });
    };

    it('are for no audience by default', () => {
      expect(loadSettings(authSettings, usable).encryptFor).toBeUndefined();
    });

    const readers = audiences.filter((name) => name !== 'auth');
    const reader = readers[0]!;

    it('are for the audiences with a public key', () => {
      const keys = new Map(readers.map((name) => [name, createTestRecipient()]));
      const jwks = Object.fromEntries([...keys].map(([name, key]) => [name, key.publicJwk]));
      const path = file(JSON.stringify(jwks));
      const { encryptFor } = loadSettings(authSettings, { ...usable, TOKEN_ENCRYPTION_KEYS_FILE: path });
      const kids = [...encryptFor!].map(([audience, key]) => [audience, key.kid]);
      expect(kids).toEqual([...keys].map(([audience, key]) => [audience, key.kid]));
    });

    it.each<[string, unknown, string]>([
      ['a private key', { [reader]: privateJwk }, 'Expected: the public half only'],
      [
        'a key on another curve',
        { [reader]: createTestRecipient('P-384').publicJwk },
        'Expected: EC and P-256',
      ],
      ['no key', { [reader]: null }, 'Expected: EC and P-256'],
      ['a key as text', { [reader]: 'x' }, 'Expected: EC and P-256'],
      ['one bad key beside a good one', { [reader]: publicJwk, nobody: {} }, 'Expected: EC and P-256'],
      ['a JWK without an audience', publicJwk, 'Expected: EC and P-256'],
      ['an audience that does not exist', { nobody: publicJwk }, `Expected: ${readers.join(', ')}`],
      [
        '__proto__ as an audience',
        `{"__proto__":${JSON.stringify(publicJwk)}}`,
        `Expected: ${readers.join(', ')}`,
      ],
      [
        'auth, which cannot decrypt',
        { [reader]: publicJwk, auth: publicJwk },
        `Expected: ${readers.join(', ')}`,
      ],
      ['an audience twice', '{"orders":{},"orders":{}}', 'a member name twice'],
      ['text', 'not a key', 'the file is not JSON'],
    ])('are refused at the start with %s', (_what, content, reason) => {
      const told = refused(content);
      expect(told).toMatch(/^TOKEN_ENCRYPTION_KEYS_FILE: /);
      expect(told).toContain(reason);
      expect(told).not.toContain(privateJwk['d']);
      expect(told).not.toContain('not a key');
    });
  });

  it('take a statement that lives just long enough', () => {
    expect(faults({ STATEMENT_SECONDS: '310' })).toBe('none');
  });
});
