import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSecrets } from './secrets.js';
import { specServices as services } from './spec-services.js';
import { makeTokenKeys } from './token-keys.js';

describe('the keys of encrypted tokens', () => {
  let dir: string;
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const privateFile = (service: string) => join(dir, 'secrets', service, 'token-decryption-key.json');

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'test-token-keys-'));
    makeSecrets(dir, services);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('each audience has the private half of its own, and auth has the public halves', () => {
    const settings = makeTokenKeys(dir, ['orders', 'inventory'], services);
    const publicFile = join(dir, 'public', 'token-encryption-keys.json');
    expect(settings).toEqual({
      orders: { TOKEN_DECRYPTION_KEY_FILE: privateFile('orders') },
      inventory: { TOKEN_DECRYPTION_KEY_FILE: privateFile('inventory') },
      auth: { TOKEN_ENCRYPTION_KEYS_FILE: publicFile },
    });
    for (const audience of ['orders', 'inventory']) {
      const { d, ...publicJwk } = read(privateFile(audience));
      expect(d).toEqual(expect.any(String));
      expect(read(publicFile)[audience]).toEqual(publicJwk);
      expect(statSync(privateFile(audience)).mode & 0o777).toBe(0o600);
    }
    expect(read(privateFile('orders'))['d']).not.toBe(read(privateFile('inventory'))['d']);
  });

  it('the private half stays; the public file has the audiences that are named now', () => {
    makeTokenKeys(dir, ['orders', 'inventory'], services);
    const before = read(privateFile('orders'));
    const { auth } = makeTokenKeys(dir, ['orders'], services);
    expect(read(privateFile('orders'))).toEqual(before);
    expect(Object.keys(read(auth!['TOKEN_ENCRYPTION_KEYS_FILE']!))).toEqual(['orders']);
  });

  it('without an audience nothing is set', () => {
    expect(makeTokenKeys(dir, [], services)).toEqual({});
  });
});
