/** Verifiers of other libraries with our keys, each with as few options as it takes. */
import { createHmac } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JwtService } from '@nestjs/jwt';
import { createVerifier } from 'fast-jwt';
import { jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { algorithmNames } from '#jws';
import { readAnchor } from '#statements';
import {
  connectTo,
  createTestIssuer,
  createTestKey,
  eventually,
  fakeClock,
  published,
  segment,
  startTestNats,
  startTestPublisher,
  type TestAlg,
  type TestIssuer,
  type TestKey,
  type TestPublisher,
} from '#testing';
import { KeyRing } from '../key-ring.js';
import { openTrust, type Trust } from '../open-trust.js';
import {
  keysForFastJwt,
  keysForJose,
  keysForJsonwebtoken,
  keysForNestJwt,
  keysForPassportJwt,
  type KeySource,
} from './index.js';
import { findKey } from './ring-questions.js';

/** Resolves with the claims of a good token, and rejects for every other one. */
type Verify = (token: string) => Promise<unknown>;

const libraries: Record<string, (source: KeySource) => Verify> = {
  jose: (source) => async (token) => (await jwtVerify(token, keysForJose(source))).payload,
  jsonwebtoken: (source) => (token) =>
    new Promise((resolve, reject) =>
      jsonwebtoken.verify(token, keysForJsonwebtoken(source), (error, claims) =>
        error ? reject(error) : resolve(claims),
      ),
    ),
  '@nestjs/jwt': (source) => {
    const service = new JwtService({ secretOrKeyProvider: keysForNestJwt(source) });
    return (token) => service.verifyAsync(token);
  },
  'passport-jwt': (source) => (token) =>
    new Promise((resolve, reject) => {
      const strategy = new Strategy(
        {
          jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
          secretOrKeyProvider: keysForPassportJwt(source),
        },
        (claims: unknown, done: (error: unknown, user?: unknown) => void) => done(null, claims),
      );
      // Passport gives each request a strategy with these.
      Object.assign(strategy, { success: resolve, fail: reject, error: reject });
      strategy.authenticate({ headers: { authorization: `Bearer ${token}` } } as never);
    }),
  'fast-jwt': (source) => createVerifier({ key: keysForFastJwt(source) }) as Verify,
};

describe.each(Object.entries(libraries))('%s', (_name, library) => {
  it.each(algorithmNames)('verifies %s', async (alg) => {
    const { verify, issuer } = withRing(alg);
    await expect(verify(issuer.token())).resolves.toMatchObject({ sub: 'user-1' });
  });

  it.each<[string, (issuer: TestIssuer) => string]>([
    ['none', ({ key, claims }) => `${segment({ alg: 'none', kid: key.kid })}.${segment(claims())}.`],
    ['HS256 with the public key as the secret', ({ key, claims }) => hmac(key, claims(), key.publicPem)],
    [
      'HS256 with the public JWK as the secret',
      ({ key, claims }) => hmac(key, claims(), JSON.stringify(key.publicJwk)),
    ],
    [
      'another algorithm than that of the key',
      ({ key, token }) => token({}, { header: { alg: 'ES384', kid: key.kid } }),
    ],
    ['an unknown kid', ({ token }) => token({}, { signWith: createTestKey() })],
    ['no kid', ({ token }) => token({}, { header: { kid: undefined } })],
    ['a kid that is a list', ({ key, token }) => token({}, { header: { kid: [key.kid] } })],
    ['a kid of an object', ({ token }) => token({}, { header: { kid: '__proto__' } })],
    [
      'the signature of another key',
      ({ key, token }) => token({}, { signWith: { ...createTestKey(), kid: key.kid } }),
    ],
    ['no signature', ({ token }) => token().replace(/[^.]*$/, '')],
    ['no header', ({ token }) => token().replace(/^[^.]*/, '')],
    ['a header that is no JSON', ({ token }) => token().replace(/^[^.]*/, segment('{'))],
    ['nothing but text', () => 'not a token'],
  ])('refuses a token with %s', async (_what, tokenOf) => {
    const { verify, issuer } = withRing();
    await expect(verify(tokenOf(issuer))).rejects.toThrow();
  });

  it('refuses every token before the first statement, and after the last one has expired', async () => {
    const empty = withRing('ES256', { statements: 0 });
    expect(await reasonOf(empty.verify(empty.issuer.token()))).toContain('no key-set statement yet');
    const { verify, issuer, clock } = withRing();
    clock.advance(901_000);
    // Without `exp`, because only the statement is to be too old.
    const reason = await reasonOf(verify(issuer.token({ exp: undefined })));
    expect(reason).toContain('the key-set statement has expired');
  });

  it('refuses the token of a key that has ended', async () => {
    const { verify, issuer, ring, clock } = withRing();
    const end = Math.floor(clock.now() / 1000) + 10;
    ring.accept(
      issuer.statement({ keys: [published(issuer.key, { status: 'retiring', verify_until: end })] }),
      'local',
    );
    const token = issuer.token();
    await expect(verify(token)).resolves.toBeDefined();
    clock.advance(11_000);
    await expect(verify(token)).rejects.toThrow();
  });

  function withRing(alg: TestAlg = 'ES256', { statements = 1 } = {}) {
    const clock = fakeClock(Date.now());
    const issuer = createTestIssuer({ alg });
    const ring = new KeyRing({
      issuer: issuer.issuer,
      anchors: issuer.anchors.map(readAnchor),
      clock: clock.now,
    });
    if (statements > 0) ring.accept(issuer.statement(), 'local');
    const verify = library({ keyFor: async (header) => findKey(ring, header, clock.now) });
    return { verify, issuer, ring, clock };
  }
});

describe('under traffic, over a real nats-server', () => {
  const issuer = createTestIssuer();
  let publisher: TestPublisher;
  let trust: Trust;
  let revocations = 0;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    const nats = await startTestNats();
    closers.push(nats.close);
    publisher = await startTestPublisher(nats);
    closers.push(publisher.close);
    const connection = connectTo(nats, 'orders');
    closers.push(async () => (await connection).close());
    await publisher.publishStatement(issuer.statement());
    trust = await openTrust({
      issuer: issuer.issuer,
      audience: 'orders',
      anchors: issuer.anchors,
      // Nobody listens there, so that every key comes over NATS.
      issuerFetchUrl: 'http://127.0.0.1:1',
      nats: { connection, service: 'orders', instance: 'one' },
    });
    closers.push(trust.close);
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  it.each(Object.entries(libraries))('%s follows a rotation and a revoked key', async (_name, library) => {
    const verify = library(trust);
    const [older, newer] = [createTestKey(), createTestKey()];
    const revoked: { kid: string; revoked_at: number; reason: string }[] = [];
    const publish = async (...keys: object[]) => {
      await publisher.publishStatement(issuer.statement({ keys, revoked }));
      const kids = keys.map((key) => (key as { kid: string }).kid);
      await eventually(
        () =>
          trust
            .facts()
            .keys.map(({ kid }) => kid)
            .join() === kids.join(),
        { everyMs: 1 },
      );
    };
    const tokenOf = (key: TestKey) => issuer.token({}, { signWith: key });
    await publish(published(older), published(newer, { status: 'prepared' }));

    const traffic = startTraffic(verify, tokenOf(older));
    traffic.good.push(tokenOf(newer));
    await publish(published(newer), published(older, { status: 'retiring' }));
    traffic.good.push(tokenOf(newer), tokenOf(older));
    await traffic.goesOn();

    const stolen = tokenOf(older);
    traffic.good = [tokenOf(newer)];
    await traffic.goesOn();
    await expect(verify(stolen)).resolves.toBeDefined();
    revoked.push({ kid: older.kid, revoked_at: Math.floor(Date.now() / 1000), reason: 'compromised' });
    await publish(published(newer));
    await expect(verify(stolen)).rejects.toThrow();
    await traffic.goesOn();
    expect(await traffic.stop()).toEqual([]);
  });

  it.each(Object.entries(libraries))(
    'the token of a revoked session that %s accepts is known',
    async (name, library) => {
      await publisher.publishStatement(issuer.statement());
      const claims = (await eventually(() => library(trust)(issuer.token({ sid: name })))) as Record<
        string,
        unknown
      >;
      expect(trust.revocationFault(claims, { strict: true })).toBeUndefined();
      revocations += 1;
      await publisher.publishRevocation(revocations, issuer.revocation(revocations, { sid: name }));
      await eventually(() => trust.revocationFault(claims)?.code === 'revoked', { everyMs: 1 });
    },
  );
});

/** What a library says about our error. fast-jwt keeps it beside its own. */
async function reasonOf(verdict: Promise<unknown>): Promise<string> {
  const error = await verdict.then(
    () => new Error('the token was accepted'),
    (error: Error & { originalError?: Error }) => error,
  );
  return `${error.message} ${'originalError' in error ? error.originalError?.message : ''}`;
}

/** Verifies good tokens one after the other until it is stopped. */
function startTraffic(verify: Verify, ...good: string[]) {
  const traffic = { good, goesOn, stop };
  const refused: unknown[] = [];
  let count = 0;
  let isStopped = false;
  const ended = (async () => {
    for (let n = 0; !isStopped; n += 1) {
      await verify(traffic.good[n % traffic.good.length]!).catch((error: unknown) => refused.push(error));
      count += 1;
      // Some libraries verify without waiting for anything. NATS and the timers must have their turn.
      await setImmediate();
    }
  })();

  /** Resolves after 50 more tokens. */
  async function goesOn(): Promise<void> {
    const wanted = count + 50;
    await eventually(() => count >= wanted, { everyMs: 1 });
  }

  /** Returns the errors of all tokens that were refused. */
  async function stop(): Promise<unknown[]> {
    isStopped = true;
    await ended;
    return refused;
  }
  return traffic;
}

function hmac({ kid }: TestKey, claims: unknown, secret: string): string {
  const input = `${segment({ alg: 'HS256', typ: 'at+jwt', kid })}.${segment(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}
