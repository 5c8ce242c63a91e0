/** The keys of a client change while it runs: which of them auth accepts, and until when. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestKey, type TestKey } from '#testing';
import { ClientKeysService } from '../src/oauth/client-keys.service.js';
import { clientRegistration, MAX_CLIENT_KEYS } from '../src/oauth/client-registration.js';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { registerClient } from './oauth-client.js';

let auth: AuthFixture;
let service: ClientKeysService;
let orders: Awaited<ReturnType<typeof registerClient>>;
let old: TestKey;
let next: TestKey;

beforeAll(async () => {
  auth = await startAuth();
  service = auth.app.get(ClientKeysService, { strict: false });
}, 60_000);
afterAll(() => auth?.close());
beforeEach(async () => {
  await auth.owner.query('DELETE FROM client_key');
  orders = await registerClient(auth, 'orders');
  [old, next] = [orders.key, createTestKey()];
});

const fileOf = (client_id: string, ...keys: TestKey[]) =>
  clientRegistration.parse({ client_id, jwks: { keys: keys.map(({ publicJwk }) => publicJwk) } });
const ask = async (signWith: TestKey) =>
  (await orders.credentials({ client_assertion: orders.assertion({ signWith }) })).status;
const secondsLeft = async (kid: string) => {
  const [row] = await auth.owner.query(
    'SELECT extract(epoch FROM not_after - now())::float8 AS left FROM client_key WHERE kid = $1',
    [kid],
  );
  return row.left as number | null;
};

describe('a new key', () => {
  it('is accepted beside the old one, then the old one ends after a while', async () => {
    expect([await ask(old), await ask(next)]).toEqual([200, 401]);
    expect(await service.register(fileOf('orders', next, old), 'stay')).toEqual({
      added: [next.kid],
      ended: [],
    });
    expect([await ask(old), await ask(next)]).toEqual([200, 200]);

    const { ended } = await service.register(fileOf('orders', next, old), 'end-soon');
    expect(ended).toEqual([{ kid: old.kid, notAfter: expect.any(Date) }]);
    expect(await secondsLeft(old.kid)).toBeCloseTo(300, -1);
    expect(await secondsLeft(next.kid)).toBeNull();
    expect([await ask(old), await ask(next)]).toEqual([200, 200]);

    await auth.owner.query(
      "UPDATE client_key SET not_after = not_after - interval '300 seconds' WHERE kid = $1",
      [old.kid],
    );
    expect([await ask(old), await ask(next)]).toEqual([401, 200]);
  });

  it('is registered once, and a repeated end is not put off', async () => {
    const file = fileOf('orders', next, old);
    await service.register(file, 'end-soon');
    await auth.owner.query('UPDATE client_key SET not_after = now() + $1::interval WHERE kid = $2', [
      '10 seconds',
      old.kid,
    ]);
    expect(await service.register(file, 'end-soon')).toEqual({ added: [], ended: [] });
    expect(await secondsLeft(old.kid)).toBeLessThanOrEqual(10);
  });

  it('replaces a stolen one at once, also one whose end was planned for later', async () => {
    const file = fileOf('orders', next);
    await service.register(file, 'end-soon');
    expect((await service.register(file, 'end-now')).ended).toMatchObject([{ kid: old.kid }]);
    expect([await ask(old), await ask(next)]).toEqual([401, 200]);
  });

  it('leaves the keys of other clients alone', async () => {
    const inventory = await registerClient(auth, 'inventory');
    await service.register(fileOf('orders', next), 'end-now');
    expect(await secondsLeft(inventory.key.kid)).toBeNull();
  });
});

describe('is refused, and nothing changes', () => {
  const refused = async (file: ReturnType<typeof fileOf>, code: string) => {
    await expect(service.register(file, 'end-now')).rejects.toMatchObject({ code });
    expect(await ask(old)).toBe(200);
  };

  it('a key that has ended', async () => {
    await service.register(fileOf('orders', next), 'stay');
    await auth.owner.query('UPDATE client_key SET not_after = now() WHERE kid = $1', [next.kid]);
    await refused(fileOf('orders', next), 'client_key_ended');
  });

  it('the key of another client', async () => {
    const inventory = await registerClient(auth, 'inventory');
    await refused(fileOf('orders', inventory.key), 'client_key_of_another');
  });

  it('an unknown client, and that of logins, which has no key', async () => {
    await refused(fileOf('billing', next), 'client_not_found');
    await expect(service.register(fileOf('web', next), 'stay')).rejects.toThrow('client_key_not_web');
  });

  it('one key too many; when the others end, there is room', async () => {
    const more = Array.from({ length: MAX_CLIENT_KEYS - 1 }, () => createTestKey());
    await service.register(fileOf('orders', ...more), 'stay');
    await expect(service.register(fileOf('orders', next), 'stay')).rejects.toMatchObject({
      code: 'too_many_client_keys',
    });
    expect(await ask(next)).toBe(401);
    await service.register(fileOf('orders', next), 'end-now');
    expect([await ask(old), await ask(next)]).toEqual([401, 200]);
  });
});
