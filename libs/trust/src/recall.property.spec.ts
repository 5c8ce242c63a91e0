import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readAnchor } from '#statements';
import {
  createTestIssuer,
  createTestRecipient,
  encryptCompact,
  fakeClock,
  published,
  type TestRecipient,
} from '#testing';
import type { AccessTokenClaims } from './access-token-claims.js';
import { Authenticator } from './authenticate.js';
import { KeyRing } from './key-ring.js';
import { TrustError } from './trust-error.js';
import { createVerifyAccessToken, type Expectation } from './verify-access-token.js';

const EXPECTATIONS: readonly Expectation[] = [
  { audience: 'orders' },
  { audience: 'orders', scopes: ['orders:read'] },
  { audience: 'orders', scopes: ['orders:read', 'orders:write'], strict: true },
  { audience: 'inventory' },
  { audience: undefined, strict: true },
  { audience: 'orders', actor: 'shop' },
];

/** The ways in which a request carries a token, right and wrong. */
const CARRIERS: readonly ((token: string) => string[])[] = [
  (token) => ['Host', 'x', 'Authorization', `Bearer ${token}`],
  (token) => ['AUTHORIZATION', `Bearer ${token}`],
  (token) => ['authorization', `bearer ${token}`],
  (token) => ['authorization', `Bearer   ${token}`],
  (token) => ['authorization', `Bearer ${token} `],
  (token) => ['authorization', `Basic ${token}`],
  (token) => ['authorization', `Bearer ${token}`, 'Authorization', `Bearer ${token}`],
  (token) =>
    Array.from({ length: 1_000 }, () => ['x', 'y'])
      .flat()
      .concat('authorization', `Bearer ${token}`),
  () => ['x-authorization', 'Bearer x'],
];

const MUTATIONS: readonly ((token: string) => string)[] = [
  (token) => `${token}=`,
  (token) => `x${token}`,
  (token) => token.slice(0, -1),
  // Another payload with the same end of the signature.
  (token) => token.replace(/\.[^.]{4}/, '.eyJ4'),
];

const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      // How many tokens were issued after it.
      token: fc.nat(3),
      // Mostly the token unchanged.
      mutation: fc.nat(MUTATIONS.length * 9),
      carrier: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(CARRIERS.length - 1)),
      expected: fc.nat(EXPECTATIONS.length - 1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('issue' as const),
      aud: fc.constantFrom('orders', 'orders', 'orders', 'inventory'),
      scope: fc.constantFrom('orders:read orders:write', 'orders:read', '', undefined),
      sid: fc.constantFrom('a', 'b', undefined),
      client_id: fc.constantFrom('web', 'app'),
      jti: fc.constantFrom('1', '2', '3', '4'),
      txn: fc.constantFrom('1', undefined),
      act: fc.constantFrom(undefined, { sub: 'shop' }, { sub: 'other', act: { sub: 'shop' } }),
      lifetime: fc.constantFrom(1, 20, 300, 300, 300, 301),
      standby: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(-7_000, -2_000, 1, 1, 1_000, 1_000, 5_000, 15_001, 60_000, 900_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      keys: fc.constantFrom('both', 'both', 'retiring', 'ending', 'standby'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('revoke' as const),
      revoked: fc.constantFrom({ sid: 'a' }, { client_id: 'app' }, { jti: '1' }, { jti: '2' }),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

// Each encrypted token is decrypted at the forgetful service each time, so fewer runs are made.
test.each<[string, TestRecipient | undefined, number]>([
  ['a token', undefined, 120],
  ['an encrypted token', createTestRecipient(), 25],
])(
  '%s that is recalled gets the verdict that it would get if it had never been seen',
  async (_what, recipient, numRuns) => {
    let recalled = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
        const world = createWorld(recipient);
        for (const step of steps) recalled += await world.take(step);
      }),
      { numRuns },
    );
    expect(recalled).toBeGreaterThan(numRuns / 4);
  },
);

/**
 * An issuer, a ring, and two services that use it. One remembers tokens. The other judges each token as if it were new.
 * With a recipient, tokens are encrypted.
 */
function createWorld(recipient: TestRecipient | undefined) {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const ring = new KeyRing({
    issuer: issuer.issuer,
    anchors: issuer.anchors.map(readAnchor),
    clock: clock.now,
  });
  const tokens = ['junk'];
  let revocations = 0;
  const publish = (payload: Record<string, unknown> = {}) => {
    const range = { from: Math.min(1, revocations), to: revocations };
    expect(ring.accept(issuer.statement({ revocations: range, ...payload }), 'nats')).toBeUndefined();
  };
  publish();
  const service = (cacheSize: number) =>
    new Authenticator({
      verify: createVerifyAccessToken({
        ring,
        clock: clock.now,
        cacheSize,
        decryptionKey: recipient?.privateKey,
      }),
      ring,
      refresh: () => Promise.resolve(true),
    });
  // Three entries, so that tokens are also evicted.
  const [remembering, forgetful] = [service(3), service(0)];

  const verdictOf = (judged: Promise<AccessTokenClaims>) =>
    judged.catch((error: unknown) => {
      if (!(error instanceof TrustError)) throw error;
      return `${error.code}: ${error.message}`;
    });

  /** Returns how many tokens were recalled. */
  async function take(step: Step): Promise<number> {
    switch (step.do) {
      case 'issue': {
        const { do: _do, lifetime, standby, ...claims } = step;
        const exp = Math.floor(clock.now() / 1000) + lifetime;
        const signing = standby ? { signWith: issuer.standby } : {};
        const token = issuer.token({ ...claims, exp }, signing);
        tokens.push(recipient ? encryptCompact(token, recipient) : token);
        return 0;
      }
      case 'wait':
        clock.advance(step.ms);
        return 0;
      case 'publish': {
        const soon = Math.floor(clock.now() / 1000) + 100;
        const standby = published(issuer.standby);
        const old = {
          both: [published(issuer.key)],
          retiring: [published(issuer.key, { status: 'retiring' })],
          ending: [published(issuer.key, { status: 'retiring', verify_until: soon })],
          standby: [],
        }[step.keys];
        publish({ keys: [...old, standby] });
        return 0;
      }
      case 'revoke':
        revocations += 1;
        expect(ring.revocations.add(issuer.revocation(revocations, step.revoked))).toBeUndefined();
        return 0;
      case 'ask': {
        const token = tokens.at(-1 - (step.token % tokens.length))!;
        const rawHeaders = CARRIERS[step.carrier]!((MUTATIONS[step.mutation] ?? String)(token));
        const expected = EXPECTATIONS[step.expected]!;
        let recalled = 0;
        // The second time, a token that was accepted is remembered.
        for (let time = 0; time < 2; time += 1) {
          const claims = remembering.recall({ rawHeaders }, expected);
          const verdict = claims ?? (await verdictOf(remembering.authenticate({ rawHeaders }, expected)));
          expect(verdict).toEqual(await verdictOf(forgetful.authenticate({ rawHeaders }, expected)));
          expect(remembering.counts()).toEqual(forgetful.counts());
          if (claims) recalled += 1;
        }
        return recalled;
      }
    }
  }
  return { take };
}
