import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { fastify } from 'fastify';
import { z } from 'zod';
import { createTestRecipient } from '#testing';
import {
  databaseSettings,
  httpSettings,
  natsSettings,
  trustSettings,
  verifierSettings,
} from './setting-groups.js';
import type { Settings } from './settings.js';
import {
  defineSettings,
  describeSettings,
  listOf,
  loadSettings,
  readSettings,
  secretFile,
  secretFiles,
  setting,
  SettingsError,
} from './settings.js';

const folder = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

function faultsOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

const count = (facts: { default?: number; developmentOnly?: boolean } = {}) =>
  setting(z.coerce.number().int(), { doc: 'how many', ...facts });

describe('loadSettings', () => {
  it('reads camelCase fields from UPPER_SNAKE variables, typed', () => {
    const definition = defineSettings({
      jwksMaxAgeSeconds: count(),
      tags: listOf(z.string(), { doc: 'tags' }),
    });
    const settings = loadSettings(definition, { JWKS_MAX_AGE_SECONDS: ' 300 ', TAGS: 'a, b,' });
    const age: number = settings.jwksMaxAgeSeconds;
    expect({ age, tags: settings.tags }).toEqual({ age: 300, tags: ['a', 'b'] });
    // @ts-expect-error a field that was not declared does not compile
    expect(settings.other).toBeUndefined();
  });

  it('shows a tool each valid value beside the faults', () => {
    const definition = defineSettings(
      { size: count(), other: count(), tags: listOf(z.string(), { doc: 'tags' }) },
      [() => 'a rule that must not run'],
    );
    const { values, faults } = readSettings(definition, { SIZE: '7', OTHER: 'many', TAGS: 'a' });
    expect(values).toEqual({ size: 7, tags: ['a'] });
    expect(faults).toEqual([expect.stringMatching(/^OTHER: .*Expected: how many$/)]);
  });

  it('freezes what it returns, to the bottom', () => {
    const settings = loadSettings(defineSettings({ tags: listOf(z.string(), { doc: 'tags' }) }), {
      TAGS: 'a',
    });
    expect(() => (settings.tags as string[]).push('b')).toThrow(TypeError);
    expect(() => Object.assign(settings, { tags: [] })).toThrow(TypeError);
  });

  it('takes the default when a variable is missing or empty', () => {
    const definition = defineSettings({
      size: count({ default: 7 }),
      note: setting(z.string().optional(), { doc: '' }),
    });
    expect(loadSettings(definition, { SIZE: '' })).toEqual({ size: 7, note: undefined });
  });

  it('takes the value of another field where the default says so', () => {
    const definition = defineSettings({
      fetchUrl: setting(z.string(), { doc: '', defaultFrom: 'issuer' }),
      issuer: setting(z.string(), { doc: '' }),
    });
    expect(loadSettings(definition, { ISSUER: 'a' }).fetchUrl).toBe('a');
    expect(loadSettings(definition, { ISSUER: 'a', FETCH_URL: 'b' }).fetchUrl).toBe('b');
  });

  it('reports every fault at once, with the variable, what is wrong and what is expected', () => {
    const definition = defineSettings({
      first: count(),
      second: count(),
      third: secretFile({ doc: 'a password file' }),
    });
    const load = () => loadSettings(definition, { FIRST: 'abc', THIRD_FILE: join(folder, 'missing') });
    expect(faultsOf(load)).toEqual([
      expect.stringMatching(/^FIRST: .*number.*\. Expected: how many$/),
      'SECOND: not set. Expected: how many',
      expect.stringMatching(/^THIRD_FILE: cannot read ".*missing" \(ENOENT\)\. Expected: a password file$/),
    ]);
    expect(load).toThrow(/^The configuration is not valid:\n {2}FIRST.*\n {2}SECOND.*\n {2}THIRD_FILE/);
  });

  it('does not repeat a secret that stands in the place of its file', () => {
    const definition = defineSettings({ password: secretFile({ doc: 'a password file' }) });
    expect(faultsOf(() => loadSettings(definition, { PASSWORD_FILE: 'correct-horse' }))).toEqual([
      'PASSWORD_FILE: cannot read the file; its path should begin with / or ./ (ENOENT). Expected: a password file',
    ]);
  });

  it('reads secrets from files, and lists of files in their order', () => {
    const definition = defineSettings({
      password: secretFile({ doc: '' }),
      keys: secretFiles({ doc: '' }),
      seed: secretFile({
        doc: '',
        schema: z
          .string()
          .transform((text) => JSON.parse(text) as unknown)
          .pipe(z.strictObject({ n: z.number() })),
      }),
    });
    const env = {
      PASSWORD_FILE: file('password', 'hunter2\n'),
      KEYS_FILES: `${file('k1', 'one')}, ${file('k2', 'two')}`,
      SEED_FILE: file('seed', '{"n":1}'),
    };
    expect(loadSettings(definition, env)).toEqual({
      password: 'hunter2',
      keys: ['one', 'two'],
      seed: { n: 1 },
    });
  });

  it('never repeats what is in a secret file', () => {
    const secret = z.string().regex(/^[0-9]+$/, 'not digits');
    const definition = defineSettings({
      pin: secretFile({ doc: '', schema: secret }),
      pins: secretFiles({ doc: '', schema: secret }),
    });
    const path = file('pin', 'top-secret');
    const faults = faultsOf(() => loadSettings(definition, { PIN_FILE: path, PINS_FILES: path }));
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toContain('top-secret');
  });

  it('refuses a secret that is not UTF-8', () => {
    const definition = defineSettings({ password: secretFile({ doc: '' }) });
    const path = join(folder, 'latin1');
    writeFileSync(path, Buffer.from('motdepass\u00e9', 'latin1'));
    const faults = faultsOf(() => loadSettings(definition, { PASSWORD_FILE: path }));
    expect(faults).toEqual([expect.stringContaining('PASSWORD_FILE: the file is not UTF-8')]);
  });

  it('refuses an empty secret and an empty list of files', () => {
    const definition = defineSettings({ password: secretFile({ doc: '' }), keys: secretFiles({ doc: '' }) });
    const faults = faultsOf(() =>
      loadSettings(definition, { PASSWORD_FILE: file('empty', ' \n'), KEYS_FILES: ',' }),
    );
    expect(faults).toEqual([
      expect.stringContaining('PASSWORD_FILE: the file is empty'),
      expect.stringContaining('KEYS_FILES: no file is named'),
    ]);
  });

  it.each([
    [{}, 1],
    [{ NODE_ENV: 'production' }, 1],
    [{ NODE_ENV: 'development' }, 0],
    [{ NODE_ENV: 'production', SIZE: '9' }, 0],
  ])('refuses a development default in production, which is assumed: %j', (env, expected) => {
    const definition = defineSettings({ size: count({ default: 7, developmentOnly: true }) });
    expect(faultsOf(() => loadSettings(definition, env))).toHaveLength(expected);
  });

  it('may need in production what is optional elsewhere', () => {
    const copy = setting(z.string().optional(), { doc: 'a file', developmentOnly: true });
    const definition = defineSettings({ copy });
    expect(loadSettings(definition, { NODE_ENV: 'test' })).toEqual({ copy: undefined });
    expect(faultsOf(() => loadSettings(definition, {}))).toHaveLength(1);
    expect(loadSettings(definition, { COPY: 'x' })).toEqual({ copy: 'x' });
  });

  it('reads a secret file that may be missing', () => {
    const definition = defineSettings({
      hint: secretFile({ doc: 'a hint', schema: z.string().min(1).optional() }),
    });
    expect(loadSettings(definition, {})).toEqual({ hint: undefined });
    expect(loadSettings(definition, { HINT_FILE: file('hint', 'h') })).toEqual({ hint: 'h' });
    expect(faultsOf(() => loadSettings(definition, { HINT_FILE: file('empty', ' ') }))).toHaveLength(1);
    expect(describeSettings(definition)[0]).toMatchObject({ env: 'HINT_FILE', required: false });
  });

  it('checks the rules across fields when the fields are good', () => {
    const definition = defineSettings({ low: count(), high: count() }, [
      ({ low, high }) => (low > high ? 'LOW is above HIGH' : undefined),
    ]);
    expect(faultsOf(() => loadSettings(definition, { LOW: '2', HIGH: '1' }))).toEqual(['LOW is above HIGH']);
    expect(faultsOf(() => loadSettings(definition, { LOW: '2', HIGH: 'x' }))).toHaveLength(1);
    expect(faultsOf(() => loadSettings(definition, { LOW: '1', HIGH: '2' }))).toEqual([]);
  });
});

describe('the shared groups', () => {
  const pem = (key: KeyObject) => (key.export({ type: 'spki', format: 'pem' }) as string).trim();
  const ec = (namedCurve: string) => pem(generateKeyPairSync('ec', { namedCurve }).publicKey);
  const anchors = [ec('P-256'), ec('P-256')];
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;
  const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
  const definition = defineSettings({
    ...httpSettings,
    ...databaseSettings,
    ...natsSettings,
    ...trustSettings,
  });
  const env = {
    NODE_ENV: 'development',
    PORT: '3001',
    DATABASE_HOST: '127.0.0.1',
    DATABASE_NAME: 'orders',
    DATABASE_USER: 'orders',
    DATABASE_PASSWORD_FILE: file('db', 'pw'),
    NATS_URL: 'nats://127.0.0.1:3011',
    NATS_NKEY_SEED_FILE: file('seed', 'SU'),
    ISSUER: 'http://localhost:3000',
    RESOURCE_URL: 'http://localhost:3001',
    TRUST_ANCHOR_PUBLIC_FILE: `${file('a1', anchors[0]!)},${file('a2', anchors[1]!)}`,
  };

  it('load from the least environment that a service needs', () => {
    const settings: Settings<typeof definition> = loadSettings(definition, env);
    expect(settings).toMatchObject({
      port: 3001,
      host: '127.0.0.1',
      corsAllowedOrigins: [],
      issuerFetchUrl: 'http://localhost:3000',
      trustAnchorPublic: anchors,
    });
  });

  it('refuse an http issuer in production, and accept it as what is dialled', () => {
    const production = { ...env, NODE_ENV: 'production' };
    expect(faultsOf(() => loadSettings(definition, production))).toEqual([
      expect.stringMatching(/^ISSUER: production needs an https issuer/),
    ]);
    const split = { ...production, ISSUER: 'https://id.example', ISSUER_FETCH_URL: 'http://auth:3000' };
    expect(loadSettings(definition, split).issuerFetchUrl).toBe('http://auth:3000');
  });

  it.each([
    ['PORT', '0'],
    ['PORT', '70000'],
    ['NODE_ENV', 'prod'],
    ['NATS_URL', 'http://127.0.0.1'],
    ['ISSUER', 'localhost:3000'],
    ['ISSUER', 'http://localhost:3000/'],
    ['CORS_ALLOWED_ORIGINS', '*'],
    ['CORS_ALLOWED_ORIGINS', 'https://app.example/path'],
    ['CORS_ALLOWED_ORIGINS', 'https://app.example/'],
    ['CORS_ALLOWED_ORIGINS', 'https://*.example'],
    ['CORS_ALLOWED_ORIGINS', 'https://app.example?x'],
    ['CORS_ALLOWED_ORIGINS', 'https://me@app.example'],
    ['CORS_ALLOWED_ORIGINS', 'https://app.example:70000'],
    ['CORS_ALLOWED_ORIGINS', 'https://a b'],
    ['CORS_ALLOWED_ORIGINS', 'https://'],
    ['CORS_ALLOWED_ORIGINS', 'ftp://app.example'],
    ['CORS_ALLOWED_ORIGINS', 'https://good.example, null'],
    ['TRUSTED_PROXIES', 'proxy'],
    ['TRUSTED_PROXIES', '*'],
    ['TRUSTED_PROXIES', 'linklocal'],
    ['TRUSTED_PROXIES', '10.0.0.0/99'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', '0.0.0.0/0'],
    ['TRUSTED_PROXIES', '::/0'],
    ['TRUSTED_PROXIES', 'fd00::/129'],
    ['TRUSTED_PROXIES', '10.0.0.0/8/8'],
    ['TRUSTED_PROXIES', '10.0.0.0/x'],
    ['TRUSTED_PROXIES', '10.0.0.0/0x8'],
    ['TRUSTED_PROXIES', '10.0.0.0/'],
    ['TRUSTED_PROXIES', '10.0.0.0/255.0.0.0'],
    ['TRUSTED_PROXIES', '10.0.0'],
    ['TRUSTED_PROXIES', '10.0.0.1, 10.0.0.0/99'],
    ['ISSUER', 'https://id.example?tenant=1'],
    ['ISSUER', 'https://id.example#x'],
    ['ISSUER', 'https://me:secret@id.example'],
    ['BODY_LIMIT_BYTES', '-1'],
    ['BODY_LIMIT_BYTES', '0x10000'],
    ['BODY_LIMIT_BYTES', '6e4'],
    ['BODY_LIMIT_BYTES', '65536.0'],
    ['PORT', '+3000'],
    ['PORT', '03000'],
    ['DATABASE_POOL_SIZE', '1e1'],
    ['DATABASE_CONNECT_TIMEOUT_MS', '3_000'],
    ['MAX_TOKEN_SECONDS', '300s'],
    ['SHUTDOWN_DELAY_MS', '-0'],
  ])('refuse %s=%s', (name, value) => {
    const faults = faultsOf(() =>
      loadSettings(definition, { ...env, ISSUER: 'https://id.example', [name]: value }),
    );
    expect(faults).toEqual([expect.stringMatching(`^${name}: `)]);
  });

  it.each([
    ['https://SPA.example:443', ['https://spa.example']],
    ['HTTPS://spa.example', ['https://spa.example']],
    ['http://SPA.example:80, http://localhost:5173', ['http://spa.example', 'http://localhost:5173']],
    ['https://bücher.example', ['https://xn--bcher-kva.example']],
    ['http://[0:0:0:0:0:0:0:1]:3000', ['http://[::1]:3000']],
  ])('spell the origin %s as browsers do', (text, expected) => {
    const settings = loadSettings(definition, { ...env, CORS_ALLOWED_ORIGINS: text });
    expect(settings.corsAllowedOrigins).toEqual(expected);
  });

  it('take no proxy that the server cannot match', () => {
    const ranges =
      '10.0.0.1,10.1.2.3/8,192.0.2.0/32,0.0.0.0/1,::1,fd00::/8,2001:db8::/128,::ffff:10.0.0.0/104,loopback,uniquelocal';
    const { trustedProxies } = loadSettings(definition, { ...env, TRUSTED_PROXIES: ranges });
    expect(trustedProxies).toEqual(ranges.split(','));
    expect(() => fastify({ trustProxy: [...trustedProxies] })).not.toThrow();
  });

  it.each([
    ['text', 'not a key'],
    ['a key on another curve', ec('P-384')],
    [
      'a private key',
      generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding, publicKeyEncoding }).privateKey,
    ],
  ])('refuse %s as a pinned anchor, beside a good one too', (_what, content) => {
    const bad = `${file('a1', anchors[0]!)},${file('bad', content)}`;
    const faults = faultsOf(() => loadSettings(definition, { ...env, TRUST_ANCHOR_PUBLIC_FILE: bad }));
    expect(faults).toEqual([expect.stringMatching(/^TRUST_ANCHOR_PUBLIC_FILE: not a PEM "PUBLIC KEY"/)]);
    expect(faults.join()).not.toContain(content.slice(0, 40));
  });

  describe('the URL of the service itself', () => {
    const verifier = defineSettings(verifierSettings);
    const production = { ...env, NODE_ENV: 'production', ISSUER: 'https://issuer.test' };

    it('is https in production, like the issuer', () => {
      const https = { ...production, RESOURCE_URL: 'https://orders.test' };
      expect(loadSettings(verifier, https).resourceUrl).toBe('https://orders.test');
      expect(faultsOf(() => loadSettings(verifier, production))).toEqual([
        expect.stringMatching(/^RESOURCE_URL: production needs an https URL/),
      ]);
    });

    it.each([undefined, 'orders', 'http://localhost:3001/', 'http://localhost:3001?a', 'ftp://orders.test'])(
      'is not %s',
      (url) => {
        const faults = faultsOf(() => loadSettings(verifier, { ...env, RESOURCE_URL: url }));
        expect(faults).toEqual([expect.stringMatching(/^RESOURCE_URL: /)]);
      },
    );
  });

  describe('the decryption key', () => {
    const { privateJwk, publicJwk } = createTestRecipient();
    const verifier = defineSettings(verifierSettings);
    const load = (content: string) =>
      loadSettings(verifier, { ...env, TOKEN_DECRYPTION_KEY_FILE: file('decryption-key', content) });

    it('is none by default', () => {
      expect(loadSettings(verifier, env).tokenDecryptionKey).toBeUndefined();
    });

    it('is the private half of a key pair, as a JWK', () => {
      const { tokenDecryptionKey } = load(JSON.stringify(privateJwk, null, 2));
      expect(tokenDecryptionKey).toEqual(privateJwk);
    });

    it.each([
      ['a public JWK', JSON.stringify(publicJwk), 'd is missing'],
      [
        'a key on another curve',
        JSON.stringify(createTestRecipient('P-521').privateJwk),
        'Expected: EC and P-256',
      ],
      ['a signing key', JSON.stringify({ ...privateJwk, use: 'sig' }), 'use not allowed. Expected: enc'],
      ['PEM', ec('P-256'), 'the file is not JSON'],
      ['a list', '[]', 'the file is not a JSON object'],
      ['nothing', '', 'the file is not JSON'],
    ])('is refused at the start if it is %s', (_what, content, reason) => {
      const faults = faultsOf(() => load(content));
      expect(faults).toEqual([expect.stringMatching(/^TOKEN_DECRYPTION_KEY_FILE: /)]);
      expect(faults[0]).toContain(reason);
      for (const secret of [privateJwk['d'], content.slice(30, 70)])
        expect(secret !== '' && faults[0]!.includes(secret)).toBe(false);
    });

    it('is refused at the start if there is no file', () => {
      const faults = faultsOf(() =>
        loadSettings(verifier, { ...env, TOKEN_DECRYPTION_KEY_FILE: join(folder, 'nowhere') }),
      );
      expect(faults).toEqual([expect.stringMatching(/^TOKEN_DECRYPTION_KEY_FILE: cannot read .*ENOENT/)]);
    });
  });

  it('describe themselves', () => {
    const rows = describeSettings(definition);
    expect(rows.find(({ field }) => field === 'port')).toMatchObject({
      env: 'PORT',
      unit: 'port',
      required: true,
    });
    expect(rows.find(({ field }) => field === 'databasePassword')).toMatchObject({
      env: 'DATABASE_PASSWORD_FILE',
    });
    expect(rows.find(({ field }) => field === 'trustAnchorPublic')).toMatchObject({
      env: 'TRUST_ANCHOR_PUBLIC_FILE',
    });
    expect(rows.find(({ field }) => field === 'issuerFetchUrl')).toMatchObject({ required: false });
    expect(rows.every(({ doc }) => doc.length > 10)).toBe(true);
  });
});
