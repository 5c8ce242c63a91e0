/** Revoking waits for no key to be made: passwords are hashed in the same thread pool, and RSA keys take a second. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AlgorithmName } from '#jws';
import { eventually } from '#testing';
import type { NewKey } from '../src/keys/key-life-cycle.js';
import { SealedKeys } from '../src/keys/sealed-keys.js';
import { KeySupplyService } from '../src/rotation/key-supply.service.js';
import { startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
let admin: string;
let active: string;
let standby: string;
/** Lets keys be made again. */
let go: () => void;
/** Those that were made since no more were let through. */
let made: NewKey[];

const revoke = (kid: string, body: object) =>
  auth.send('POST', `/admin/keys/${kid}/revoke`, { token: admin, body: { reason: 'compromised', ...body } });
const statusOf = async (): Promise<Record<string, string>> => {
  const rows = await auth.owner.query<{ kid: string; status: string }[]>(
    'SELECT kid, status FROM signing_key',
  );
  return Object.fromEntries(rows.map(({ kid, status }) => [kid, status]));
};
const kidThatIs = async (status: string) =>
  Object.entries(await statusOf()).find(([, is]) => is === status)![0];

beforeEach(async () => {
  auth = await startAuth({ settings: { statementIntervalSeconds: 1 } });
  admin = await auth.login('admin');
  const sealedKeys = auth.app.get(SealedKeys, { strict: false });
  await auth.app.get(KeySupplyService, { strict: false }).spare.stock('ES256', 0);
  [active, standby] = [await kidThatIs('active'), await kidThatIs('prepared')];
  const gate = new Promise<void>((resolve) => (go = resolve));
  const generate = sealedKeys.generate.bind(sealedKeys);
  made = [];
  sealedKeys.generate = async (alg: AlgorithmName) => {
    await gate;
    const key = await generate(alg);
    made.push(key);
    return key;
  };
});
afterEach(async () => {
  go();
  await auth.close();
});

describe('while no key can be made', () => {
  it('the active key is revoked, the standby signs, and the spare stands by', async () => {
    // Until now the spare is nowhere but in memory.
    expect(Object.keys(await statusOf()).sort()).toEqual([active, standby].sort());
    const { status, body } = await revoke(active, {});
    expect(status).toBe(200);
    expect(body.activeKid).toBe(standby);
    const { [active]: first, [standby]: second, ...others } = await statusOf();
    expect([first, second]).toEqual(['revoked', 'active']);
    expect(Object.values(others)).toEqual(['prepared']);
    expect(await auth.login()).toBeDefined();
    expect(made).toEqual([]);
  });

  it('the standby falls with the active key; what is made after the commit signs, and not the spare', async () => {
    const revoked = revoke(active, { includeStandby: true });
    await eventually(async () => {
      expect(await statusOf()).toEqual({ [active]: 'revoked', [standby]: 'revoked' });
    });
    // Everyone is told of it, though there is no key to tell of.
    await eventually(async () => {
      const { keys, revoked: named } = (await auth.send('GET', '/trust')).body;
      expect(keys).toEqual([]);
      expect(named.map(({ kid }: { kid: string }) => kid).sort()).toEqual([active, standby].sort());
    });
    expect((await auth.send('GET', '/.well-known/jwks.json')).body).toEqual({ keys: [] });
    expect((await auth.send('GET', '/auth/me', { token: admin })).status).toBe(401);
    go();
    const { status, body } = await revoked;
    expect(status).toBe(200);
    expect(made.map(({ kid }) => kid)).toContain(body.activeKid);
    expect((await statusOf())[body.activeKid]).toBe('active');
    expect(await auth.login()).toBeDefined();
  });

  it('a second revocation in the same second takes no spare that the first may have betrayed', async () => {
    await revoke(standby, {});
    const spare = await statusOf();
    const [next] = Object.keys(spare).filter((kid) => ![active, standby].includes(kid));
    const revoked = revoke(active, {});
    await eventually(async () => expect((await statusOf())[active]).toBe('revoked'));
    expect((await statusOf())[next!]).toBe('active');
    go();
    expect((await revoked).status).toBe(200);
    await eventually(async () => expect(Object.values(await statusOf())).toContain('prepared'));
  });
});
