/** Steps 12 to 14: how a login lasts, what betrays a stolen refresh token, and how everything ends at once. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Exchange } from './exchange.js';
import type { Guide } from './guide.js';
import { untilRefused } from './load.js';
import { customerService, knock, knockAloud, type Login } from './people.js';
import { shortToken } from './presentation.js';
import { decode } from './tokens.js';

/** REFRESH_GRACE_SECONDS is 10 by default. */
const PAST_GRACE_MS = 11_000;

interface Pair {
  readonly access_token: string;
  readonly refresh_token: string;
}

const sidOf = ({ access_token: token }: Pair): unknown => decode(token).claims['sid'];

function refresh(guide: Guide, token: string, expect: number): Promise<Exchange<Pair>> {
  return guide.ask<Pair>('auth', 'POST /auth/refresh', { body: { refresh_token: token }, expect });
}

async function logIn(guide: Guide, customer: Login): Promise<Pair> {
  return (await guide.ask<Pair>('auth', 'POST /auth/login', { body: customer, expect: 200 })).body;
}

const use = (guide: Guide, { access_token: token }: Pair, expect: 200 | 401) =>
  knockAloud(guide, { service: customerService, token }, expect);

/** Shows the token until it is refused, then once more, and prints that. A revocation travels for some milliseconds. */
async function useUntilRefused(guide: Guide, pair: Pair): Promise<number> {
  const grant = { service: customerService, token: pair.access_token };
  const { afterMs } = await untilRefused(performance.now(), () => knock(guide, grant));
  await use(guide, pair, 401);
  return Math.ceil(afterMs);
}

/** Step 12. */
export const stayLoggedIn = (guide: Guide, customer: Login) =>
  guide.step(
    'Stay logged in',
    'An access token lives five minutes. A login lasts longer: it also gives a refresh token, which only auth ' +
      'understands. The client exchanges it for a new access token, without a password. Each refresh token is used once.',
    async () => {
      const first = await logIn(guide, customer);
      const second = (await refresh(guide, first.refresh_token, 200)).body;
      guide.check(sidOf(second) === sidOf(first), 'the new access token belongs to the same session');
      guide.check(second.refresh_token !== first.refresh_token, 'the next refresh token is another one');
      await use(guide, second, 200);
      guide.say('The answer may have been lost, or a second tab sends the same token. Both try again:');
      const again = (await refresh(guide, first.refresh_token, 200)).body;
      guide.check(
        again.refresh_token === second.refresh_token,
        'for ten seconds the answer has the same next token',
      );
      guide.learned('A retried refresh logs nobody out', 'the same next token twice');
      return second;
    },
  );

/** Step 13. */
export const stealRefreshToken = (guide: Guide, owner: Pair) =>
  guide.step(
    'Steal a refresh token',
    'A thief has copied the refresh token and uses it first. Later its owner uses it, too. Then auth sees a used ' +
      'token again. It cannot tell the thief from the owner, so it ends the session of both.',
    async () => {
      const thief = (await refresh(guide, owner.refresh_token, 200)).body;
      guide.say(`The thief has ${shortToken(thief.access_token)}, and ${customerService.name} accepts it:`);
      await use(guide, thief, 200);
      guide.say('Eleven seconds later, too late for a retry, the owner refreshes:');
      await delay(PAST_GRACE_MS);
      await refresh(guide, owner.refresh_token, 400);
      await useUntilRefused(guide, thief);
      await refresh(guide, thief.refresh_token, 400);
      guide.check(true, 'the access token and the refresh token of the thief are worth nothing now');
      guide.say('The owner must log in again. That is the price of being found out.');
      guide.learned(
        'A stolen refresh token is found out',
        `400 for both; 401 at ${customerService.name} for the thief`,
      );
    },
  );

/** Step 14. */
export const logOutEverywhere = (guide: Guide, customer: Login) =>
  guide.step(
    'Log out everywhere',
    'The customer has two devices, and ends both sessions with one request. auth revokes their tokens: one signed ' +
      'message for each session goes to every verifier. Their refresh tokens end with them.',
    async () => {
      const [phone, laptop] = [await logIn(guide, customer), await logIn(guide, customer)];
      await use(guide, laptop, 200);
      await guide.ask('auth', 'POST /auth/logout-all', { token: phone.access_token, expect: 204 });
      const afterMs = Math.max(await useUntilRefused(guide, phone), await useUntilRefused(guide, laptop));
      guide.check(true, `${customerService.name} refuses both, ${afterMs} ms after the answer at the latest`);
      await refresh(guide, laptop.refresh_token, 400);
      guide.learned(
        'A logout ends tokens everywhere',
        `401 at ${customerService.name} for both devices after ${afterMs} ms`,
      );
    },
  );
