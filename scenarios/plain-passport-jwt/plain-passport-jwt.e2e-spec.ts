import { expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from 'pg';
import { eventually, freePort } from '#testing';
import { projectRoot } from '../../infra/project.js';
import { startChild } from '../../infra/local/processes.js';
import { exchange } from '../../infra/tour/exchange.js';
import { decode, kidOf } from '../../infra/tour/tokens.js';
import { forge, openDatabase, stealKeys, type StolenKey, type Victim } from '../key-compromise/stolen-key.js';
import { keyChangePeriods } from '../support/key-change-periods.js';
import { scenario } from '../support/scenario.js';
import { mainService, type ScenarioSystem } from '../support/scenario-system.js';

const tokenSeconds = 10;

/** Shows a token to a plain service, and returns the status. */
type Plain = (token: string) => Promise<number>;

scenario(import.meta.url, keyChangePeriods(tokenSeconds), (system, step) => {
  let victim: Victim;
  let database: Client;
  let stolen: StolenKey;
  /** With the options that the examples of jwks-rsa have. */
  let plain: Plain;
  /** What a good token permits. */
  let scope: string;

  /** What the plain service and another one, with Signet's guard, say to the same token at the same time. */
  const verdicts = async (token: string, service = plain) => {
    const [ofPlain, ofSignet] = await Promise.all([
      service(token),
      system.knock({ audience: mainService, token }),
    ]);
    return { plain: ofPlain, signet: ofSignet };
  };
  const logIn = async () => (await system.grant()).token;
  const forgeWith = (key: StolenKey) => forge(victim, key, { aud: mainService, scope, exp: in10s() });
  const stealActive = async () =>
    (await stealKeys(victim, database)).find(({ status }) => status === 'active')!;

  step('1. Send one good token to both', async () => {
    await eventually(async () => (await system.verifiers()).complete, { timeoutMs: 10_000 });
    const { issuer, postgres } = system.parts.running;
    victim = { stateDir: system.stateDir, issuer, postgresPort: postgres.port };
    database = await openDatabase(victim);
    system.atEnd(() => database.end());
    plain = await startPlain(system);
    const token = await logIn();
    scope = decode(token).claims['scope'] as string;
    expect(await verdicts(token)).toEqual({ plain: 200, signet: 200 });
    expect(await verdicts(withOtherKid(token))).toEqual({ plain: 401, signet: 401 });
    expect(await verdicts(`${token.slice(0, -6)}AAAAAA`)).toEqual({ plain: 401, signet: 401 });
  });

  step('2. Log out', async () => {
    const token = await logIn();
    expect((await system.ask('auth', 'POST /auth/logout', { token })).status).toBe(204);
    expect(await verdicts(token)).toEqual({ plain: 200, signet: 401 });
  });

  step('3. Rotate the signing key', async () => {
    stolen = await stealActive();
    const old = await logIn();
    await system.admin('POST /admin/keys/rotate');
    const fresh = await logIn();
    expect(kidOf(old)).toBe(stolen.kid);
    expect(kidOf(fresh)).not.toBe(stolen.kid);
    expect(await verdicts(old)).toEqual({ plain: 200, signet: 200 });
    expect(await verdicts(fresh)).toEqual({ plain: 200, signet: 200 });
  });

  step('4. Forge with the old key after it has left the JWKS', async () => {
    // The last token of the key expires at a known time, plus the tolerated skew. A token that lives longer is forged.
    await eventually(async () =>
      expect(await verdicts(forgeWith(stolen))).toEqual({ plain: 200, signet: 401 }),
    );
    await eventually(
      async () => {
        const { body } = await system.ask('auth', 'GET /.well-known/jwks.json');
        return !body.keys.some(({ kid }: { kid: string }) => kid === stolen.kid);
      },
      { timeoutMs: 20_000, everyMs: 200 },
    );
    const forged = forgeWith(stolen);
    expect(await verdicts(forged)).toEqual({ plain: 200, signet: 401 });
    // A process whose cache never had the key does not get it any more.
    expect(await verdicts(forged, await startPlain(system))).toEqual({ plain: 401, signet: 401 });
  });

  step('5. Revoke a stolen key', async () => {
    stolen = await stealActive();
    const cacheMaxAge = 3_000;
    const shortCache = await startPlain(system, { cacheMaxAge });
    const before = forgeWith(stolen);
    expect(await verdicts(before)).toEqual({ plain: 200, signet: 200 });
    expect(await shortCache(before)).toBe(200);
    const { body } = await system.admin(`POST /admin/keys/${stolen.kid}/revoke`, { reason: 'compromised' });
    expect(body.silent).toEqual([]);
    expect(await verdicts(before)).toEqual({ plain: 200, signet: 401 });
    await eventually(async () => expect(await shortCache(forgeWith(stolen))).toBe(401), {
      timeoutMs: 10_000,
    });
    // The longer cache is not over.
    expect(await verdicts(forgeWith(stolen))).toEqual({ plain: 200, signet: 401 });
  });

  step('6. Send invented keys, with no rate limit', async () => {
    const unlimited = await startPlain(system, { rateLimit: false });
    const token = await logIn();
    expect(await unlimited(token)).toBe(200);
    const flood = 50;
    const [jwks, keyset] = [await fetchesOf('jwks.json'), await fetchesOf('keyset')];
    for (let i = 0; i < flood; i++)
      expect(await verdicts(withOtherKid(token), unlimited)).toEqual({ plain: 401, signet: 401 });
    expect((await fetchesOf('jwks.json')) - jwks).toBe(flood);
    expect((await fetchesOf('keyset')) - keyset).toBe(0);
  });

  step('7. Send invented keys, with the rate limit, and rotate', async () => {
    const limited = await startPlain(system);
    const old = await logIn();
    expect(await limited(old)).toBe(200);
    const before = await fetchesOf('jwks.json');
    for (let i = 0; i < 20; i++)
      expect(await verdicts(withOtherKid(old), limited)).toEqual({ plain: 401, signet: 401 });
    expect((await fetchesOf('jwks.json')) - before).toBeLessThan(6);
    await system.admin('POST /admin/keys/rotate');
    expect(await verdicts(await logIn(), limited)).toEqual({ plain: 401, signet: 200 });
    // The key that it has in its cache is not affected.
    expect(await limited(old)).toBe(200);
  });

  /** How often auth has been asked for this document, by its own count. */
  async function fetchesOf(document: 'jwks.json' | 'keyset'): Promise<number> {
    const { text } = await system.ask('auth', 'GET /metrics');
    const line = `http_request_duration_seconds_count{method="GET",route="/.well-known/${document}",status="200"} `;
    return Number(
      text
        .split('\n')
        .find((each) => each.startsWith(line))
        ?.slice(line.length) ?? 0,
    );
  }
});

const in10s = () => Math.floor(Date.now() / 1000) + tokenSeconds;

/** The token with the name of a key that does not exist. */
function withOtherKid(token: string): string {
  const [header = '', ...rest] = token.split('.');
  const read = JSON.parse(Buffer.from(header, 'base64url').toString()) as object;
  const other = JSON.stringify({ ...read, kid: randomUUID() });
  return [Buffer.from(other).toString('base64url'), ...rest].join('.');
}

/** Starts the service of plain-service.ts as a process of its own. `options` are those of jwks-rsa. */
async function startPlain(system: ScenarioSystem, options: object = {}): Promise<Plain> {
  const port = await freePort();
  const child = startChild({
    name: 'plain',
    command: process.execPath,
    args: [join(projectRoot, 'dist/scenarios/plain-passport-jwt/plain-service.js')],
    env: {
      PORT: `${port}`,
      ISSUER: system.parts.running.issuer,
      AUDIENCE: mainService,
      JWKS_OPTIONS: JSON.stringify(options),
    },
    logFile: join(system.stateDir, 'plain.log'),
  });
  system.atEnd(() => child.kill());
  const work = async (token?: string) =>
    (await exchange('GET', `http://127.0.0.1:${port}/work`, { token })).status;
  await eventually(async () => expect(await work()).toBe(401), { timeoutMs: 20_000, everyMs: 100 });
  return work;
}
