import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_STATEMENT_KEYS } from '#statements';
import { eventually } from '#testing';
import { prepare } from '../src/keys/key-life-cycle.js';
import { KeySetService } from '../src/key-set/key-set.service.js';
import { NewestStatement } from '../src/key-set/newest-statement.js';
import { SealedKeys } from '../src/keys/sealed-keys.js';
import { startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
let admin: string;

beforeAll(async () => {
  auth = await startAuth({ settings: { statementIntervalSeconds: 1 } });
  admin = await auth.login('admin');
});

afterAll(() => auth.close());

describe('a full key set', () => {
  it('refuses another key, and goes on issuing statements and tokens', async () => {
    const keySet = auth.app.get(KeySetService, { strict: false });
    const newest = auth.app.get(NewestStatement, { strict: false });
    const sealedKeys = auth.app.get(SealedKeys, { strict: false });
    const published = (await keySet.publishedKeys()).length;
    const missing = MAX_STATEMENT_KEYS - 1 - published;
    const fresh = await Promise.all(Array.from({ length: missing }, () => sealedKeys.generate('ES256')));
    await keySet.change((keys, { now }) => ({
      keys: fresh.reduce((all, key) => prepare(all, key, now), keys),
      answer: undefined,
    }));

    // There is no standby of this algorithm, and no room for one.
    const rotation = await auth.send('POST', '/admin/keys/rotate', { token: admin, body: { alg: 'PS256' } });
    expect(rotation).toMatchObject({ status: 409, body: { code: 'too_many_keys' } });

    const epoch = newest.current!.epoch;
    await eventually(() => newest.current!.epoch > epoch + 1);
    expect(newest.current!.keys).toHaveLength(MAX_STATEMENT_KEYS - 1);
    expect((await auth.send('GET', '/auth/me', { token: await auth.login() })).status).toBe(200);

    // The one place that is kept free is for an emergency.
    const active = (await keySet.publishedKeys()).find(({ status }) => status === 'active')!;
    const revocation = await auth.send('POST', `/admin/keys/${active.kid}/revoke`, {
      token: admin,
      body: { reason: 'compromised' },
    });
    expect(revocation.status).toBe(200);
    expect((await auth.send('GET', '/auth/me', { token: await auth.login() })).status).toBe(200);
  });
});
