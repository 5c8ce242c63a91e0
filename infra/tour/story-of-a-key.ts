/** Steps 9 to 11: keys change while the system is in use. First in rotations, then after a theft. The last step: the summary. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { guardedServices } from '../system/services.js';
import type { Guide } from './guide.js';
import { rotateTo, untilStandbyIsHeld, type Revoked } from './key-administration.js';
import { untilRefused, whileUnderLoad, type Lane } from './load.js';
import { showRings, untilRingsAgree, untilRingsSay } from './observations.js';
import { grantFor, knock, knockAloud, customerService, tokenFor, type Cast, type Grant } from './people.js';
import { shortKid } from './presentation.js';
import { decode, kidOf } from './tokens.js';

/** Step 9. Returns the token of the administrator. The old key signed it. */
export const rotateUnderLoad = (guide: Guide, token: string, cast: Cast) =>
  guide.step(
    'Rotate the key under load',
    'auth now rotates to a signing key with another algorithm. Meanwhile this program sends requests to the ' +
      'services, with old tokens and with new ones. The new key signs nothing until every verifier has acknowledged ' +
      'it. The old key still verifies until its last token has expired. So no good token is refused.',
    async () => {
      const login = { body: cast.admin, expect: 200 };
      const { body } = await guide.ask<{ access_token: string }>('auth', 'POST /auth/login', login);
      const adminToken = body.access_token;
      const { alg, kid: oldKid } = decode(token).header;
      const nextAlg = alg === 'RS256' ? 'ES256' : 'RS256';
      guide.say('Before:');
      showRings(guide, await untilRingsAgree(guide));
      const [newKid, tallies] = await whileUnderLoad(await lanesOf(guide, token, cast), async () => {
        await sleep(1_000);
        const kid = await rotateTo(guide, adminToken, nextAlg);
        await sleep(2_000);
        return kid;
      });
      guide.say('After:');
      await untilRingsSay(guide, oldKid, 'retiring');
      showRings(guide, await untilRingsSay(guide, newKid, 'active'));
      for (const { name, requests, failures, slowestMs } of tallies) {
        const counts = `${name}: ${requests} requests, ${failures.length} failed, slowest ${slowestMs.toFixed(0)} ms`;
        guide.check(requests > 0 && failures.length === 0, counts, failures.slice(0, 5));
      }
      await knockAloud(guide, { service: customerService, token }, 200);
      guide.key(
        `${customerService.name} verified the old token with the public half of ${shortKid(oldKid)}, which is retiring`,
      );
      guide.key(
        `${shortKid(newKid)} (${nextAlg}) signs from now on; auth has destroyed the private half of the old key`,
      );
      const total = tallies.reduce((sum, { requests }) => sum + requests, 0);
      guide.learned('A rotation refuses no good token', `${alg} to ${nextAlg}: ${total} requests, 0 failed`);
      return adminToken;
    },
  );

/** The load: at each service, requests with an old token and with a new login each time. It leaves the CPU some time. */
async function lanesOf(guide: Guide, token: string, cast: Cast): Promise<Lane[]> {
  const lanes = guardedServices.map(async (service): Promise<Lane[]> => {
    const old = service === customerService ? { service, token } : await grantFor(guide, service, cast);
    return [
      {
        name: `${service.name}, old token`,
        everyMs: 40,
        request: async () => (await knock(guide, old)).status,
      },
      {
        name: `${service.name}, login each time`,
        everyMs: 500,
        request: async () => (await knock(guide, await grantFor(guide, service, cast))).status,
      },
    ];
  });
  return (await Promise.all(lanes)).flat();
}

/** Step 10. */
export const rotateBack = (guide: Guide, token: string, adminToken: string) =>
  guide.step(
    'Rotate back',
    'Back to the first algorithm. A standby with this algorithm is there: published and acknowledged.',
    async () => {
      const { alg } = decode(token).header;
      const kid = await rotateTo(guide, adminToken, alg);
      showRings(guide, await untilRingsSay(guide, kid, 'active'));
      await knockAloud(guide, { service: customerService, token }, 200);
      guide.key(`${shortKid(kid)} (${alg}) signs; the first token is still good after two rotations`);
      guide.learned(
        'An old token stays good after rotations',
        `200 at ${customerService.name} after two rotations`,
      );
    },
  );

/** Step 11. */
export const revoke = (guide: Guide, adminToken: string, cast: Cast) =>
  guide.step(
    'Revoke a stolen key',
    'Imagine that the active key is stolen. All its tokens must be refused at once, also those of good customers. ' +
      'And everybody must be able to log in again at once. The standby makes this possible.',
    async () => {
      const stolen = await Promise.all(guardedServices.map((service) => grantFor(guide, service, cast)));
      const { active, standby } = await untilStandbyIsHeld(guide, adminToken);
      const isTheirs = stolen.every(({ token }) => kidOf(token) === active);
      guide.check(isTheirs, `a new token for each service: ${shortKid(active)} signed them`);
      guide.check(true, `${shortKid(standby)} is the standby, and every verifier has acknowledged it`);
      await askWithEach(guide, stolen, 200);
      const body = { reason: 'compromised', note: 'the tour: imagine that it was stolen' };
      const begun = performance.now();
      const [revoked, ...refusals] = await Promise.all([
        guide.ask<Revoked>('auth', `POST /admin/keys/${active}/revoke`, {
          token: adminToken,
          body,
          expect: 200,
        }),
        ...stolen.map((grant) => untilRefused(begun, () => knock(guide, grant))),
      ]);
      const answered = performance.now();
      const again = await tokenFor(guide, cast.customer, customerService.name);
      const loginMs = (performance.now() - answered).toFixed(0);
      const { silent, waitedMs, activeKid } = revoked.body;
      const times = stolen
        .map(({ service }, index) => `${service.name} ${refusals[index]!.afterMs.toFixed(0)} ms`)
        .join(', ');
      guide.check(true, `time from the start of the revocation to the first 401: ${times}`);
      guide.check(silent.length === 0, `all verifiers had acknowledged after ${waitedMs} ms`, silent);
      guide.check(
        activeKid === standby && kidOf(again) === standby,
        `the next login took ${loginMs} ms, and the standby signed its token`,
      );
      await knockAloud(guide, { service: customerService, token: again }, 200);
      guide.say('The tokens of the stolen key again:');
      await askWithEach(guide, stolen, 401);
      showRings(guide, await untilRingsSay(guide, active, 'gone'));
      guide.key(
        `${shortKid(active)} is in no key ring; the token of the administrator is still good, because an older key signed it`,
      );
      guide.say(sessionsAndTokens);
      guide.learned('A revoked key is refused everywhere', times);
      guide.learned('The standby signs at once', `the next login took ${loginMs} ms`);
    },
  );

const sessionsAndTokens =
  'A system with session ids ends a session by deleting a row. For that, every server reads the row at every request. ' +
  'A token needs no such read. So auth has to tell the verifiers: it sent one signed statement to each of them, and in ' +
  'the time above every token of the stolen key was refused. A verifier that no statement reaches, neither over NATS ' +
  'nor over HTTP, still accepts those tokens until its own statement expires, 15 minutes at most. Then it answers 503.';

async function askWithEach(guide: Guide, grants: readonly Grant[], expect: 200 | 401): Promise<void> {
  for (const grant of grants) await knockAloud(guide, grant, expect);
}

/** The last step. */
export const sumUp = (guide: Guide, adminToken: string) =>
  guide.step('Summary', 'This program has just seen all of this on this machine.', async () => {
    const { active, standby } = await untilStandbyIsHeld(guide, adminToken);
    guide.learned(
      'The system is ready for the next tour',
      `${shortKid(active)} is active, ${shortKid(standby)} is the standby`,
    );
    guide.summary();
  });
