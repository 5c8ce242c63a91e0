import { describe, expect, it } from '@jest/globals';
import { readAnchor } from '#statements';
import { createTestIssuer, fakeClock, published } from '#testing';
import { KeyRing } from '../key-ring.js';
import { findKey, revocationFault } from './ring-questions.js';

function setUp() {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const ring = new KeyRing({
    issuer: issuer.issuer,
    anchors: issuer.anchors.map(readAnchor),
    clock: clock.now,
  });
  const { kid, alg } = issuer.key;
  return { clock, issuer, ring, kid, alg };
}

describe('findKey', () => {
  it('finds the key for its own algorithm only', () => {
    const { ring, issuer, clock, kid, alg } = setUp();
    ring.accept(issuer.statement(), 'local');
    expect(findKey(ring, { kid, alg }, clock.now).equals(issuer.key.publicKey)).toBe(true);
    for (const other of ['RS256', 'HS256', 'none', 'es256', undefined, ['ES256']])
      expect(() => findKey(ring, { kid, alg: other }, clock.now)).toThrow(
        expect.objectContaining({ code: 'alg_mismatch' }),
      );
  });

  it.each<[string, string, (parts: ReturnType<typeof setUp>) => void]>([
    ['there is no statement', 'trust_stale', () => undefined],
    [
      'the statement has expired',
      'trust_stale',
      ({ ring, issuer, clock }) => {
        ring.accept(issuer.statement(), 'local');
        clock.advance(900_000);
      },
    ],
    [
      'the ring does not have it',
      'unknown_kid',
      ({ ring, issuer }) => ring.accept(issuer.statement({ keys: [] }), 'local'),
    ],
    [
      'it has ended',
      'past_key_end',
      ({ ring, issuer, clock }) => {
        const end = clock.now() / 1000 + 5;
        ring.accept(
          issuer.statement({ keys: [published(issuer.key, { status: 'retiring', verify_until: end })] }),
          'local',
        );
        clock.advance(6_000);
      },
    ],
  ])('finds none if %s: %s', (_when, code, prepare) => {
    const parts = setUp();
    prepare(parts);
    expect(() => findKey(parts.ring, parts, parts.clock.now)).toThrow(expect.objectContaining({ code }));
  });
});

describe('revocationFault', () => {
  function withRevoked(revoked: { jti: string } | { sid: string } | { client_id: string }) {
    const parts = setUp();
    const { ring, issuer, clock } = parts;
    ring.accept(issuer.statement({ revocations: { from: 1, to: 1 } }), 'local');
    ring.revocations.add(issuer.revocation(1, revoked));
    const judge = (claims: object, strict = false) =>
      revocationFault(ring, issuer.claims(claims as never), { strict, clock: clock.now })?.code;
    return { ...parts, judge };
  }

  it.each([
    [{ jti: 'a' }, { jti: 'a' }],
    [{ jti: 'a' }, { txn: 'a' }],
    [{ sid: 'a' }, { sid: 'a' }],
    [{ client_id: 'a' }, { client_id: 'a' }],
    [{ client_id: 'a' }, { act: { sub: 'b', act: { sub: 'a' } } }],
  ])('with %j revoked, a token with %j is', (revoked, claims) => {
    const { judge } = withRevoked(revoked);
    expect([judge(claims), judge({ sid: 'another' })]).toEqual(['revoked', undefined]);
  });

  it('leaves the claims as they are', () => {
    const { ring, issuer, clock } = withRevoked({ sid: 'a' });
    const claims = issuer.claims({ roles: ['customer'] });
    revocationFault(ring, claims, { clock: clock.now });
    expect([Object.isFrozen(claims), Object.isFrozen(claims['roles'])]).toEqual([false, false]);
  });

  it.each<[string, object]>([
    ['wrong_issuer', { iss: 'https://another.test' }],
    ['invalid_claim', { sid: 42 }],
    ['invalid_claim', { jti: undefined }],
    ['invalid_claim', { aud: ['orders'] }],
    ['key_bound', { cnf: { jkt: 'thumbprint' } }],
  ])('is %s for %j', (code, claims) => {
    const { judge } = withRevoked({ sid: 'a' });
    expect(judge(claims)).toBe(code);
  });

  it('is internal for claims in a circle', () => {
    const { judge } = withRevoked({ sid: 'a' });
    const act: Record<string, unknown> = { sub: 'b' };
    act['act'] = act;
    expect(judge({ act })).toBe('internal');
  });

  it('is trust_stale while nothing is known, and for a strict question while the view is not fresh', () => {
    const { ring, issuer, clock } = setUp();
    const ask = (strict: boolean) =>
      revocationFault(ring, issuer.claims(), { strict, clock: clock.now })?.code;
    expect(ask(false)).toBe('trust_stale');
    ring.accept(issuer.statement(), 'local');
    expect(ask(true)).toBeUndefined();
    clock.advance(16_000);
    expect([ask(false), ask(true)]).toEqual([undefined, 'trust_stale']);
  });
});
