/** Sessions that last: refresh tokens, their grace, and what happens to a stolen one (RFC 9700 §4.14). */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { eventually, type Answer } from '#testing';
import type { AuthReplica } from './auth-fixture.js';
import { authWithVerifier } from './auth-with-verifier.js';

const DAY = 24 * 3600;

const system = authWithVerifier();
let other: AuthReplica;

beforeAll(async () => {
  other = await system.auth.replica();
}, 60_000);

interface Pair {
  readonly access: string;
  readonly refresh: string;
}

const pairOf = ({ status, body }: Answer): Pair => {
  expect(status).toBe(200);
  return { access: body.access_token, refresh: body.refresh_token };
};
const sidOf = ({ access }: Pair) => decodeJwt(access)['sid'] as string;
const refresh = (token: string, more: object = {}, at: Pick<AuthReplica, 'send'> = system.auth) =>
  at.send('POST', '/auth/refresh', { body: { refresh_token: token, ...more } });
const refreshed = async (pair: Pair) => pairOf(await refresh(pair.refresh));
const me = async ({ access }: Pair) => (await system.auth.send('GET', '/auth/me', { token: access })).status;

async function login(role: 'customer' | 'admin' = 'customer'): Promise<Pair & { accountId: string }> {
  const { id, email, password } = await system.auth.account(role);
  return {
    ...pairOf(await system.auth.send('POST', '/auth/login', { body: { email, password } })),
    accountId: id,
  };
}

/** Lets so many seconds pass for the refresh tokens of a session. */
const wait = (pair: Pair, seconds: number) =>
  system.auth.owner.query(
    `UPDATE refresh_family SET expires_at = expires_at - make_interval(secs => $2), used =
       coalesce((SELECT jsonb_agg(jsonb_set(u, '{at}', to_jsonb((u->>'at')::float8 - $2 * 1000)))
                   FROM jsonb_array_elements(used) u), '[]')
      WHERE session_id = $1`,
    [sidOf(pair), seconds],
  );
const familyOf = async (pair: Pair) =>
  (await system.auth.owner.query('SELECT * FROM refresh_family WHERE session_id = $1', [sidOf(pair)]))[0];
const hasEnded = async (pair: Pair) => (await me(pair)) === 401;
const invalidGrant = { status: 400, body: { code: 'invalid_grant' } };
const superseded = { status: 409, body: { code: 'refresh_superseded' } };

describe('a refresh', () => {
  it('gives a new access token of the same session, and the next refresh token', async () => {
    const first = await login();
    const answer = await refresh(first.refresh);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'orders:read orders:write',
      refresh_token: expect.stringMatching(/^[\w-]{64}$/),
    });
    const second = pairOf(answer);
    expect(second.refresh).not.toBe(first.refresh);
    expect(sidOf(second)).toBe(sidOf(first));
    expect(decodeJwt(second.access)['jti']).not.toBe(decodeJwt(first.access)['jti']);
    expect([await me(first), await me(second)]).toEqual([200, 200]);
    expect(await me(await refreshed(second))).toBe(200);
  });

  it('asks for another audience without a password, and later for the first one again', async () => {
    const first = await login('admin');
    const second = await refresh(first.refresh, { audience: 'inventory' });
    expect(second).toMatchObject({ status: 200, body: { scope: 'inventory:write' } });
    expect(decodeJwt(second.body.access_token)['aud']).toBe('inventory');
    const third = await refreshed(pairOf(second));
    expect(decodeJwt(third.access)['aud']).toBe('auth');
  });

  it('for an audience that the account cannot have uses no token', async () => {
    const first = await login();
    const refused = await refresh(first.refresh, { audience: 'auth' });
    expect(refused).toMatchObject({
      status: 400,
      body: { code: 'invalid_target', errors: [{ field: 'audience' }] },
    });
    expect(await familyOf(first)).toMatchObject({ used: [] });
    await refreshed(first);
  });

  it('leaves no token in the database', async () => {
    const first = await login();
    const second = await refreshed(first);
    const rows = JSON.stringify([
      await familyOf(second),
      await system.auth.owner.query('SELECT * FROM session WHERE id = $1', [sidOf(first)]),
    ]);
    for (const { refresh: token } of [first, second]) {
      expect(rows).not.toContain(token);
      expect(rows).not.toContain(token.slice(0, 21));
      expect(rows).not.toContain(token.slice(24));
    }
  });
});

describe('a refresh token that is sent again', () => {
  it('within the grace: gets the same successor, as after a lost answer', async () => {
    const first = await login();
    const [second, again] = [await refreshed(first), await refreshed(first)];
    expect(again.refresh).toBe(second.refresh);
    expect(again.access).not.toBe(second.access);
    expect([await me(second), await me(again)]).toEqual([200, 200]);
    await refreshed(second);
  });

  it('within the grace, after its successor was used: 409, and nothing is revoked', async () => {
    const first = await login();
    const second = await refreshed(first);
    const third = await refreshed(second);
    expect(await refresh(first.refresh)).toMatchObject(superseded);
    expect([await me(first), await me(third)]).toEqual([200, 200]);
    await refreshed(third);
  });

  it('after the grace: ends the session, at every service', async () => {
    const first = await login();
    const second = await refreshed(first);
    expect(system.orders.judge(second.access)).toMatchObject({ sid: sidOf(first) });
    await wait(second, 11);
    expect(await refresh(first.refresh)).toMatchObject(invalidGrant);
    await eventually(() => system.orders.judge(second.access) === 'revoked');
    expect([await hasEnded(first), await hasEnded(second)]).toEqual([true, true]);
    expect(await refresh(second.refresh)).toMatchObject(invalidGrant);
    expect(system.auth.logged()).toContain(`"session":"${sidOf(first)}","reason":"refresh_token_reused"`);
  });

  it('long after, when many others were used: ends the session, too', async () => {
    const first = await login();
    let last: Pair = first;
    for (let n = 0; n < 5; n += 1) {
      last = await refreshed(last);
      await wait(last, 41);
    }
    expect((await familyOf(last)).used.length).toBeLessThanOrEqual(2);
    expect(await refresh(first.refresh)).toMatchObject(invalidGrant);
    expect(await hasEnded(last)).toBe(true);
  });

  it('with another secret: ends the session, because only a holder knows the rest of it', async () => {
    const first = await login();
    const changed = first.refresh.slice(0, -1) + (first.refresh.endsWith('A') ? 'B' : 'A');
    expect(await refresh(changed)).toMatchObject(invalidGrant);
    expect(await hasEnded(first)).toBe(true);
  });

  it('within the grace, and has to wait longer than the grace for its turn: gets the same successor', async () => {
    const quick = await system.auth.replica({ refreshGraceSeconds: 1 });
    const first = await login();
    const second = pairOf(await refresh(first.refresh, {}, quick));
    const busy = system.auth.owner.createQueryRunner();
    await busy.startTransaction();
    await busy.query('SELECT FROM account WHERE id = $1 FOR UPDATE', [first.accountId]);
    const repeated = refresh(first.refresh, {}, quick);
    await delay(1_500);
    await busy.commitTransaction();
    await busy.release();
    expect(pairOf(await repeated).refresh).toBe(second.refresh);
    expect(await me(second)).toBe(200);
    await quick.close();
  });
});

describe('a thief', () => {
  it('who is first gets a successor, and is found out when the owner refreshes after the grace', async () => {
    const owner = await login();
    const thief = await refreshed(owner);
    await wait(owner, 11);
    expect(await refresh(owner.refresh)).toMatchObject(invalidGrant);
    expect(await hasEnded(thief)).toBe(true);
    expect(await refresh(thief.refresh)).toMatchObject(invalidGrant);
  });

  it('within the grace gets the same successor, and is found out by the next use of a used one', async () => {
    const owner = await login();
    const [next, stolen] = [await refreshed(owner), await refreshed(owner)];
    expect(stolen.refresh).toBe(next.refresh);
    const later = await refreshed(next);
    await wait(later, 11);
    expect(await refresh(stolen.refresh)).toMatchObject(invalidGrant);
    expect(await hasEnded(later)).toBe(true);
  });
});

describe('a hundred refreshes of one token at the same time, over two replicas', () => {
  it('end in one successor and no logout', async () => {
    const first = await login();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => refresh(first.refresh, {}, n % 2 === 0 ? system.auth : other)),
    );
    const pairs = answers.map(pairOf);
    expect(new Set(pairs.map((pair) => pair.refresh)).size).toBe(1);
    expect(new Set(pairs.map(sidOf))).toEqual(new Set([sidOf(first)]));
    expect((await familyOf(first)).used).toHaveLength(1);
    expect(await me(await refreshed(pairs[0]!))).toBe(200);
  });

  it('and of its successor, mixed: nobody is logged out', async () => {
    const first = await login();
    const second = await refreshed(first);
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        refresh(n % 3 === 0 ? second.refresh : first.refresh, {}, n % 2 === 0 ? system.auth : other),
      ),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].every((status) => status === 200 || status === 409)).toBe(true);
    const successors = new Set(
      answers.filter(({ status }) => status === 200).map(({ body }) => body.refresh_token),
    );
    successors.delete(second.refresh);
    expect(successors.size).toBe(1);
    expect(await me(second)).toBe(200);
  });
});

describe('a refresh that meets the end of the session', () => {
  it('ends with no good token, whoever is first', async () => {
    for (let round = 0; round < 10; round += 1) {
      const first = await login();
      const [answer] = await Promise.all([
        refresh(first.refresh, {}, other),
        system.auth.send('POST', '/auth/logout', { token: first.access }),
      ]);
      if (answer.status === 200) {
        expect(await hasEnded(pairOf(answer))).toBe(true);
        await eventually(() => system.orders.judge(answer.body.access_token) === 'revoked');
      } else expect(answer).toMatchObject(invalidGrant);
      expect(await refresh(answer.body.refresh_token ?? first.refresh)).toMatchObject(invalidGrant);
    }
  });
});

describe('a refresh token is refused, and nothing is revealed', () => {
  it('for every reason with the same answer', async () => {
    const [ended, idle, disabled] = [await login(), await login(), await login()];
    await system.auth.send('POST', '/auth/logout', { token: ended.access });
    await wait(idle, 7 * DAY);
    await system.auth.owner.query('UPDATE account SET disabled_at = now() WHERE id = $1', [
      disabled.accountId,
    ]);
    const answers = await Promise.all(
      [
        ended.refresh,
        idle.refresh,
        disabled.refresh,
        'x'.repeat(64),
        'short',
        `${'x'.repeat(64)}=`,
        'ü'.repeat(64),
      ].map((token) => refresh(token)),
    );
    const shown = answers.map(({ status, body }) => ({ status, body: { ...body, requestId: '' } }));
    for (const answer of shown) expect(answer).toEqual(shown[0]);
    expect(shown[0]).toMatchObject(invalidGrant);
  });

  it('if it is missing, or no text, with the name of the field', async () => {
    for (const body of [
      {},
      { refresh_token: 1 },
      { refresh_token: '' },
      { refresh_token: 'x'.repeat(513) },
    ]) {
      const answer = await system.auth.send('POST', '/auth/refresh', { body });
      expect(answer).toMatchObject({
        status: 400,
        body: { code: 'invalid_request', errors: [{ field: 'refresh_token' }] },
      });
    }
  });
});

describe('the life of a refresh token', () => {
  it('is seven days, and each use begins them anew, until thirty days after the login', async () => {
    const seconds = async (pair: Pair) => ((await familyOf(pair)).expires_at.getTime() - Date.now()) / 1000;
    const first = await login();
    expect(await seconds(first)).toBeCloseTo(7 * DAY, -2);
    await wait(first, 6 * DAY);
    expect(await seconds(await refreshed(first))).toBeCloseTo(7 * DAY, -2);

    const old = await login();
    const loggedIn = `clock_timestamp() - interval '29 days'`;
    await system.auth.owner.query(`UPDATE session SET created_at = ${loggedIn} WHERE id = $1`, [sidOf(old)]);
    const later = await refreshed(old);
    expect(await seconds(later)).toBeCloseTo(DAY, -2);
    await wait(later, DAY);
    expect(await refresh(later.refresh)).toMatchObject(invalidGrant);
  });

  it('does not grow by a repeat', async () => {
    const first = await login();
    const second = await refreshed(first);
    const { expires_at: before } = await familyOf(second);
    await refreshed(first);
    expect((await familyOf(second)).expires_at).toEqual(before);
  });

  it('ends with its session, whose row takes it along', async () => {
    const first = await login();
    await system.auth.owner.query(
      `UPDATE session SET expires_at = clock_timestamp() - interval '25 hours' WHERE id = $1`,
      [sidOf(first)],
    );
    await login();
    expect(await familyOf(first)).toBeUndefined();
  });
});

describe('a session', () => {
  it('shows when and from where it was used', async () => {
    const { email, password } = await system.auth.account();
    const first = pairOf(
      await system.auth.send('POST', '/auth/login', {
        body: { email, password },
        headers: { 'user-agent': `a browser ${'x'.repeat(300)}` },
      }),
    );
    const second = await refreshed(first);
    const { body } = await system.auth.send('GET', '/auth/sessions', { token: second.access });
    expect(body.items).toEqual([
      {
        sid: sidOf(first),
        createdAt: expect.any(String),
        lastUsedAt: expect.any(String),
        address: '127.0.0.1',
        device: `a browser ${'x'.repeat(190)}`,
        current: true,
      },
    ]);
    expect(Date.parse(body.items[0].lastUsedAt)).toBeGreaterThan(Date.parse(body.items[0].createdAt));
  });

  it('that ends when its last access token has expired needs no revocation', async () => {
    const [old, present] = [await login(), await login()];
    await system.auth.owner.query(
      'UPDATE session SET account_id = $1, token_expires_at = now() WHERE id = $2',
      [present.accountId, sidOf(old)],
    );
    expect((await system.auth.send('POST', '/auth/logout-all', { token: present.access })).status).toBe(204);
    const revoked = await system.auth.owner.query('SELECT value FROM revocation WHERE value = ANY($1)', [
      [sidOf(old), sidOf(present)],
    ]);
    expect(revoked).toEqual([{ value: sidOf(present) }]);
    expect(await refresh(old.refresh)).toMatchObject(invalidGrant);
  });
});
