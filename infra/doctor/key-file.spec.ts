import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAccount, createUser } from '@nats-io/nkeys';
import { fingerprintOf, keyFiles, namesKeyFiles, weaknessOf } from './key-file.js';

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const pemOf = (pair: ReturnType<typeof generateKeyPairSync>) =>
  [
    pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    pair.publicKey.export({ type: 'spki', format: 'pem' }),
  ] as [string, string];
const ec = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = (modulusLength: number) => pemOf(generateKeyPairSync('rsa', { modulusLength }))[0];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'test-doctor-files-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

describe('a setting', () => {
  it('names key files if it ends in _FILE or _FILES, except for statements', () => {
    const named = ['CLIENT_KEY_FILE', 'KEY_ENCRYPTION_KEY_FILES', 'SOME_NEW_FILE'];
    const others = ['TRUST_STATEMENT_FILE', 'STATEMENT_COPY_FILE', 'FILE_LIMIT', 'ISSUER'];
    expect([...named, ...others].filter(namesKeyFiles)).toEqual(named);
  });
});

describe('a secret', () => {
  const strong: [string, string][] = [
    ['DATABASE_PASSWORD_FILE', randomBytes(18).toString('base64url')],
    ['KEY_ENCRYPTION_KEY_FILES', randomBytes(32).toString('base64')],
    ['NATS_NKEY_SEED_FILE', decode(createUser().getSeed())],
    ['CLIENT_KEY_FILE', pemOf(ec())[0]],
    ['CLIENT_KEY_FILE', rsa(2048)],
  ];
  it.each(strong)('is strong: %s', (setting, content) => {
    expect(weaknessOf(setting, content)).toBeUndefined();
  });

  it.each([
    ['DATABASE_PASSWORD_FILE', 'correct-horse', 'it has 13 characters, and should have 16'],
    ['DATABASE_PASSWORD_FILE', 'abababababababababab', 'it repeats few characters'],
    ['KEY_ENCRYPTION_KEY_FILES', Buffer.alloc(32, 7).toString('base64'), 'its bytes are not random'],
    ['NATS_NKEY_SEED_FILE', 'SUAAAA', 'it is no nkey seed of a user'],
    ['NATS_NKEY_SEED_FILE', decode(createAccount().getSeed()), 'it is no nkey seed of a user'],
    ['CLIENT_KEY_FILE', rsa(1024), 'it is an RSA key of 1024 bits, and should have 2048'],
  ])('is weak: %s', (setting, content, weakness) => {
    expect(weaknessOf(setting, content)).toBe(weakness);
  });

  it('has the fingerprint of its public half', () => {
    const pair = ec();
    const [privatePem, publicPem] = pemOf(pair);
    const jwk = JSON.stringify(pair.privateKey.export({ format: 'jwk' }));
    const expected = fingerprintOf(publicPem);
    expect([fingerprintOf(privatePem), fingerprintOf(jwk)]).toEqual([expected, expected]);
    expect(fingerprintOf(pemOf(ec())[0])).not.toBe(expected);
    expect(fingerprintOf('a password')).not.toBe(fingerprintOf('another password'));
  });
});

describe('a file', () => {
  it('is looked for in git behind a link', () => {
    const target = write('repository/secret', randomBytes(18).toString('base64url'));
    execFileSync('git', ['init', '--quiet'], { cwd: join(folder, 'repository') });
    const link = join(folder, 'link-to-secret');
    symlinkSync(target, link);
    expect(keyFiles('DATABASE_PASSWORD_FILE', link)[0]).toMatchObject({ inGit: true });
  });

  it('is described without its content', () => {
    const password = randomBytes(18).toString('base64url');
    const path = write('password', password);
    const facts = keyFiles('DATABASE_PASSWORD_FILE', path);
    expect(facts).toEqual([
      {
        setting: 'DATABASE_PASSWORD_FILE',
        path,
        kind: 'secret',
        mode: 0o600,
        inGit: false,
        fingerprint: fingerprintOf(password),
      },
    ]);
    expect(JSON.stringify(facts)).not.toContain(password);
  });

  it('has the rights that everybody has on it', () => {
    const path = write('open', 'content');
    chmodSync(path, 0o644);
    expect(keyFiles('CLIENT_KEY_FILE', path)).toMatchObject([{ mode: 0o644 }]);
  });

  it('is one of several, and a missing one is left out', () => {
    const paths = [write('one', 'a'), join(folder, 'nowhere'), write('two', 'b')];
    const found = keyFiles('TRUST_ANCHOR_PUBLIC_FILE', ` ${paths.join(' , ')} ,`);
    expect(found.map(({ path, kind }) => [path, kind])).toEqual([
      [paths[0], 'public'],
      [paths[2], 'public'],
    ]);
  });

  it('is in git if git has it, or would add it', () => {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: join(folder, 'clone') });
    const tracked = write('clone/tracked', 'a');
    git('init', '--quiet');
    git('add', 'tracked');
    const untracked = write('clone/untracked', 'b');
    const ignored = write('clone/ignored', 'c');
    write('clone/.gitignore', 'ignored\n');
    const inGit = (path: string) => keyFiles('CLIENT_KEY_FILE', path)[0]?.inGit;
    expect([tracked, untracked, ignored].map(inGit)).toEqual([true, true, false]);
  });
});
