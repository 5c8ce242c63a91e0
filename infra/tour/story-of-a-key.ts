/**
 * Steps 9 to 12: the keys change while the system is in use, by plan and in an emergency.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guide } from './guide.js';
import * as keys from './key-rings.js';
import { untilRefused, whileUnderLoad, type Lane } from './load.js';
import { knock, knockAt, tokenFor, type Audience, type Grant, type Login, type Product } from './people.js';
import { shortKid } from './presentation.js';
import { decode, kidOf } from './tokens.js';

/** Who acts in these steps, and on what. */
export interface Cast {
  readonly customer: Login;
  readonly admin: Login;
  readonly product: Product;
}

/** Step 9. Returns the administrator's token, by the key that was active before. */
export const rotateUnderLoad = (guide: Guide, token: string, cast: Cast) =>
  guide.step(
    'Rotate the key under load',
    'Now auth gets a signing key of another algorithm, RS256, while requests keep coming to both services with old ' +
      'tokens and with fresh ones. The new key signs nothing before every verifier has acknowledged that it holds ' +
      'it; the old one verifies on until its last token has expired. So nobody is refused.',
    async () => {
      const login = { body: cast.admin, expect: 200 };
      const { body } = await guide.ask<{ access_token: string }>('auth', 'POST /auth/login', login);
      const adminToken = body.access_token;
      const { alg, kid: oldKid } = decode(token).header;
      guide.say('Before:');
      keys.showRings(guide, await keys.untilRingsAgree(guide));
      const [newKid, tallies] = await whileUnderLoad(await lanesOf(guide, token, cast), async () => {
        await sleep(1_000);
        const kid = await keys.rotateTo(guide, adminToken, 'RS256');
        await sleep(2_000);
        return kid;
      });
      guide.say('After:');
      await keys.untilRingsSay(guide, oldKid, 'retiring');
      keys.showRings(guide, await keys.untilRingsSay(guide, newKid, 'active'));
      for (const { name, requests, failures, slowestMs } of tallies) {
        const counts = `${name}: ${requests} requests, ${failures.length} failed, slowest ${slowestMs.toFixed(0)} ms`;
        guide.check(requests > 0 && failures.length === 0, counts, failures.slice(0, 5));
      }
      await guide.ask('orders', 'GET /orders', { token, expect: 200 });
      guide.key(
        `orders verified the old token with the public half of ${shortKid(oldKid)}, which is retiring`,
      );
      guide.key(
        `${shortKid(newKid)} (RS256) signs from now on; the private half of the old key is destroyed`,
      );
      const total = tallies.reduce((sum, { requests }) => sum + requests, 0);
      guide.learned('Rotation under load refuses nobody', `${alg} to RS256: ${total} requests, 0 failed`);
      return adminToken;
    },
  );

/** Old tokens and fresh logins at both services, at a rate that leaves the machine some air. */
async function lanesOf(guide: Guide, token: string, { customer, admin, product }: Cast): Promise<Lane[]> {
  const old: Record<Audience, string> = {
    orders: token,
    inventory: await tokenFor(guide, admin, 'inventory'),
  };
  const whose: Record<Audience, Login> = { orders: customer, inventory: admin };
  const use = async (audience: Audience, token: string) =>
    (await knockAt(guide, product, { token, audience })).status;
  return (['orders', 'inventory'] as const).flatMap((audience) => [
    { name: `${audience}, old token`, everyMs: 40, request: () => use(audience, old[audience]) },
    {
      name: `${audience}, login each time`,
      everyMs: 500,
      request: async () => use(audience, await tokenFor(guide, whose[audience], audience)),
    },
  ]);
}

/** Step 10. */
export const rotateBack = (guide: Guide, token: string, adminToken: string) =>
  guide.step(
    'Rotate back',
    'To ES256 again: a key of that algorithm has been standing by, published and acknowledged.',
    async () => {
      const kid = await keys.rotateTo(guide, adminToken, 'ES256');
      keys.showRings(guide, await keys.untilRingsSay(guide, kid, 'active'));
      await guide.ask('orders', 'GET /orders', { token, expect: 200 });
      guide.key(`${shortKid(kid)} (ES256) signs; the first token, two rotations old, is still good`);
      guide.learned('An old token outlives rotations', '200 at orders after two of them');
    },
  );

/** Step 11. */
export const revoke = (guide: Guide, adminToken: string, { customer, admin, product }: Cast) =>
  guide.step(
    'Revoke a stolen key',
    'Suppose that the key that signs now is stolen. All its tokens must stop at once, the thief’s and everyone’s, ' +
      'and yet everyone must be able to log in again at once. That is what the standby is for.',
    async () => {
      const stolen: Grant[] = [
        { audience: 'orders', token: await tokenFor(guide, customer, 'orders') },
        { audience: 'inventory', token: await tokenFor(guide, admin, 'inventory') },
      ];
      const { active, standby } = await keys.untilStandbyIsHeld(guide, adminToken);
      const isTheirs = stolen.every(({ token }) => kidOf(token) === active);
      guide.check(isTheirs, `two fresh tokens, one for each service, are signed by ${shortKid(active)}`);
      guide.check(true, `${shortKid(standby)} stands by, and every verifier has acknowledged it`);
      await askWithEach(guide, stolen, product, 200);
      const body = { reason: 'compromised', note: 'the tour: suppose that it was stolen' };
      const begun = performance.now();
      const [revoked, ...refusals] = await Promise.all([
        guide.ask<keys.Revoked>('auth', `POST /admin/keys/${active}/revoke`, {
          token: adminToken,
          body,
          expect: 200,
        }),
        ...stolen.map((grant) => untilRefused(begun, () => knockAt(guide, product, grant))),
      ]);
      const answered = performance.now();
      const again = await tokenFor(guide, customer, 'orders');
      const loginMs = (performance.now() - answered).toFixed(0);
      const { silent, waitedMs, activeKid } = revoked.body;
      const times = stolen
        .map(({ audience }, index) => `${audience} ${refusals[index]!.afterMs.toFixed(0)} ms`)
        .join(', ');
      guide.check(true, `from the request’s start to the first 401: ${times}`);
      guide.check(silent.length === 0, `all had acknowledged after ${waitedMs} ms: none was silent`, silent);
      guide.check(
        activeKid === standby && kidOf(again) === standby,
        `the next login took ${loginMs} ms, by the standby`,
      );
      await guide.ask('orders', 'GET /orders', { token: again, expect: 200 });
      guide.say('The stolen key’s tokens, once more:');
      await askWithEach(guide, stolen, product, 401);
      keys.showRings(guide, await keys.untilRingsSay(guide, active, 'gone'));
      guide.key(
        `${shortKid(active)} is in no ring; the administrator’s own token lives on, an older key signed it`,
      );
      guide.say(moral);
      guide.learned('A revoked key is refused everywhere', times);
      guide.learned('The standby signs with no gap', `the next login took ${loginMs} ms`);
    },
  );

const moral =
  'A session is ended by deleting a row, and for that every server looks the row up at every request. A token needs ' +
  'no look-up, so ending it takes news: one signed statement went to every verifier, and all that the key had ever ' +
  'signed was dead in the time above. A verifier that no news can reach, neither by NATS nor by HTTP, goes on until ' +
  'its statement expires, 15 minutes at most, and then answers 503.';

async function askWithEach(
  guide: Guide,
  grants: readonly Grant[],
  product: Product,
  expect: number,
): Promise<void> {
  for (const { audience, token } of grants) {
    const { route, ...parts } = knock(product)[audience];
    await guide.ask(audience, route, { token, ...parts, expect });
  }
}

/** Step 12. */
export const sumUp = (guide: Guide, adminToken: string) =>
  guide.step('What was claimed, what was seen', 'By this program, on this machine, just now.', async () => {
    const { active, standby } = await keys.untilStandbyIsHeld(guide, adminToken);
    guide.learned(
      'The system is as it was before',
      `${shortKid(active)} active, ${shortKid(standby)} standing by`,
    );
    guide.summary();
  });
