import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bytesPerRequest, lookUpsPerRequest } from './experiments/cost.js';
import { instanceDies, logInUsers, plainRoundRobin, whileAway } from './experiments/failure.js';
import { dayWithoutLogouts } from './experiments/ghost-rows.js';
import { logOut } from './experiments/logout.js';
import { attack } from './experiments/stolen-instance.js';
import type { Fleet } from './fleet/fleet.js';
import { Lab } from './fleet/lab.js';
import { wayNames } from './measure.js';
import type { WayName } from './ways/way.js';

/** Long enough for a logout on a busy machine. */
const PATIENCE_MS = 10_000;

describe('scenario session-vs-token', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.start();
  }, 90_000);
  afterAll(() => lab?.stop(), 60_000);

  /** Makes one experiment in all four ways. */
  async function inEachWay<T>(experiment: (fleet: Fleet) => Promise<T>): Promise<Record<WayName, T>> {
    const results = {} as Record<WayName, T>;
    for (const way of wayNames) results[way] = await experiment(lab.fleets[way]);
    return results;
  }

  it('needs a sticky balancer for sessions in memory only', async () => {
    const all = { accepted: 3, requests: 3 };
    expect(await inEachWay(plainRoundRobin)).toEqual({
      memory: { accepted: 1, requests: 3 },
      store: all,
      'shared-secret': all,
      'public-key': all,
    });
  });

  it('asks a store once for each request, for sessions in a store only', async () => {
    const lookUps = await inEachWay((fleet) => lookUpsPerRequest(fleet, 10));
    expect(lookUps).toEqual({ memory: 0, store: 1, 'shared-secret': 0, 'public-key': 0 });
  });

  it('sends more bytes with a token than with a session id', async () => {
    const bytes = await inEachWay(bytesPerRequest);
    expect(bytes.store.credential).toBe(43);
    expect(bytes['shared-secret'].credential).toBeGreaterThan(3 * bytes.store.credential);
    expect(bytes['public-key'].credential).toBeGreaterThan(3 * bytes['shared-secret'].credential);
    for (const { request, credential } of Object.values(bytes)) expect(request).toBeGreaterThan(credential);
  });

  it('shows a logout to all instances, but not with a shared secret', async () => {
    const { 'shared-secret': secret, ...others } = await inEachWay((fleet) =>
      logOut(fleet, { waitMs: fleet.way === 'shared-secret' ? 500 : PATIENCE_MS }),
    );
    expect(secret).toEqual({ seenMs: undefined, stillAccepting: 3 });
    for (const { stillAccepting } of Object.values(others)) expect(stillAccepting).toBe(0);
  });

  it('logs out one user, and no other', async () => {
    // One at each instance.
    const staying = await inEachWay((fleet) => logInUsers(fleet, 3));
    await inEachWay((fleet) => logOut(fleet, { waitMs: 500 }));
    const names = await inEachWay((fleet) => Promise.all(staying[fleet.way].map((one) => fleet.me(one))));
    for (const way of wayNames) expect(names[way]).toEqual(['user-0', 'user-1', 'user-2']);
  });

  it('lets the thief of an instance forge with a shared secret or a store, and not with a public key', async () => {
    const attempts = await inEachWay(attack);
    const succeeded = (way: WayName) =>
      Object.fromEntries(attempts[way].map(({ attempt, succeeded }) => [attempt, succeeded]));
    expect(succeeded('memory')).toEqual({
      'act as a user of this instance, with an id out of its memory': true,
      'act as somebody else, with an invented id': false,
    });
    expect(succeeded('store')).toEqual({
      'act as a user of any instance, with an id out of the store': true,
      'act as the administrator, with a row written into the store': true,
    });
    expect(succeeded('shared-secret')).toEqual({
      'act as the administrator, with a token signed with the secret': true,
    });
    expect(succeeded('public-key')).toEqual({
      'act as the administrator, with a token signed with another key': false,
      'the same, with the public key as the secret of HS256': false,
      'the same, without a signature (alg none)': false,
      'the same, with a good token whose claims are changed': false,
      'the same, after publishing another key over NATS': false,
      'act as a user of this instance, with a token that came in': true,
    });
  });

  it('keeps a row of each login without logout, until a job removes those that have expired', async () => {
    const perHour = 6;
    const ghosts = await inEachWay((fleet) => dayWithoutLogouts(fleet, perHour, () => lab.rowsInStore()));
    for (const way of ['memory', 'store'] as const)
      expect(ghosts[way]).toEqual({
        logins: 24 * perHour,
        stored: 24 * perHour,
        removed: 23 * perHour,
        left: perHour,
        first: [401, 401],
        last: ['user-0', 'user-1'],
      });
    for (const way of ['shared-secret', 'public-key'] as const)
      expect(ghosts[way]).toMatchObject({ logins: 24 * perHour, stored: 0, removed: 0, left: 0 });
  });

  it('logs out the users of a killed instance, for sessions in memory only', async () => {
    const noHarm = { users: 30, loggedOut: 0, unanswered: 0 };
    expect(await inEachWay((fleet) => instanceDies(fleet, 30))).toEqual({
      memory: { ...noHarm, loggedOut: 10 },
      store: noHarm,
      'shared-secret': noHarm,
      'public-key': noHarm,
    });
  });

  it('stops everybody when the store stops, and only logins when the issuer stops', async () => {
    const { store, 'public-key': tokens } = lab.fleets;
    const sessions = await logInUsers(store, 6);
    const signed = await logInUsers(tokens, 6);
    await Promise.all([lab.stopStore(), lab.issuer.stop()]);
    expect(await whileAway(store, sessions)).toEqual({ users: 6, canWork: 0, canLogIn: false });
    expect(await whileAway(tokens, signed)).toEqual({ users: 6, canWork: 6, canLogIn: false });
  });
});
