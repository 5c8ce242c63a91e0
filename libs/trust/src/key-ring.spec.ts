import { describe, expect, test } from '@jest/globals';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey, fakeClock, published } from '#testing';
import { KeyRing } from './key-ring.js';

function setUp(pins = 1) {
  const clock = fakeClock();
  const issuer = createTestIssuer({ clock: clock.now });
  const later = Array.from({ length: pins - 1 }, () => createTestKey());
  const anchors = [issuer.anchor, ...later].map((anchor) => readAnchor(anchor.publicPem));
  const ring = new KeyRing({ issuer: issuer.issuer, anchors, clock: clock.now });
  return { clock, issuer, later, ring };
}

describe('isPushed', () => {
  test('only while the last statement came over NATS and is confirmed', () => {
    const { clock, issuer, ring } = setUp();
    expect(ring.isPushed()).toBe(false);
    const first = issuer.statement();
    ring.accept(first, 'http');
    expect(ring.isPushed()).toBe(false);
    ring.accept(first, 'nats');
    expect(ring.facts()).toMatchObject({ pushed: true, statements: { accepted: { nats: 0, http: 1 } } });
    ring.accept(first, 'http');
    expect(ring.isPushed()).toBe(true);
    clock.advance(15_001);
    expect(ring.isPushed()).toBe(false);
    ring.accept(issuer.statement(), 'nats');
    expect(ring.isPushed()).toBe(true);
    ring.accept(issuer.statement(), 'http');
    expect(ring.isPushed()).toBe(false);
    ring.accept(issuer.statement(), 'local');
    expect(ring.isPushed()).toBe(false);
  });

  test('a statement that was refused is no proof of anything', () => {
    const { issuer, ring } = setUp();
    const old = issuer.statement();
    ring.accept(issuer.statement(), 'http');
    ring.accept(old, 'nats');
    ring.accept('junk', 'nats');
    expect(ring.isPushed()).toBe(false);
  });
});

describe('epochs', () => {
  test('only a greater one is taken over; anything else changes nothing and is counted', () => {
    const { issuer, ring } = setUp();
    expect(ring.accept(issuer.statement({ epoch: 5 }), 'nats')).toBeUndefined();
    const before = ring.facts();
    const other = issuer.statement({ epoch: 5, keys: [published(issuer.standby)] });
    expect(ring.accept(other, 'nats')).toBe('old_epoch');
    expect(ring.accept(issuer.statement({ epoch: 4 }), 'http')).toBe('old_epoch');
    expect(ring.facts()).toEqual({
      ...before,
      statements: { ...before.statements, refused: { old_epoch: 2 } },
    });
    expect(ring.accept(issuer.statement({ epoch: 6 }), 'http')).toBeUndefined();
    expect(ring.facts()).toMatchObject({
      epoch: 6,
      statements: { accepted: { nats: 1, http: 1, local: 0 } },
    });
  });

  test('the very same statement again is neither news nor a fault', () => {
    const { issuer, ring } = setUp();
    const statement = issuer.statement();
    ring.accept(statement, 'nats');
    expect(ring.accept(statement, 'http')).toBeUndefined();
    expect(ring.facts().statements).toEqual({
      accepted: { nats: 1, http: 0, local: 0, file: 0 },
      refused: {},
    });
  });

  test('what the anchor did not sign is counted by its reason', () => {
    const { clock, issuer, ring } = setUp();
    expect(ring.accept(issuer.statement({}, { signWith: createTestKey() }), 'nats')).toBe('unknown_anchor');
    expect(ring.accept('junk', 'nats')).toBe('malformed');
    expect(ring.accept('junk', 'http')).toBe('malformed');
    expect(ring.accept(issuer.statement({ exp: clock.now() / 1000 }), 'nats')).toBe('expired');
    expect(ring.facts()).toMatchObject({
      freshness: 'empty',
      epoch: null,
      keys: [],
      statements: {
        accepted: { nats: 0, http: 0 },
        refused: { unknown_anchor: 1, malformed: 2, expired: 1 },
      },
    });
  });

  test('a key that the next statement lacks is gone', () => {
    const { issuer, ring } = setUp();
    ring.accept(issuer.statement(), 'nats');
    expect(ring.find(issuer.standby.kid)).toBeDefined();
    ring.accept(issuer.statement({ keys: [published(issuer.key)] }), 'nats');
    expect(ring.find(issuer.standby.kid)).toBeUndefined();
  });
});

describe('anchor exchange', () => {
  test('a later pin wins with a lower epoch, and closes the earlier whatever its epoch', () => {
    const { issuer, later, ring } = setUp(3);
    ring.accept(issuer.statement({ epoch: 100 }), 'nats');
    expect(ring.accept(issuer.statement({ epoch: 3 }, { signWith: later[0]! }), 'nats')).toBeUndefined();
    expect(ring.facts()).toMatchObject({ epoch: 3, pin: later[0]!.kid });
    expect(ring.accept(issuer.statement({ epoch: 101 }), 'nats')).toBe('closed_anchor');
    expect(ring.accept(issuer.statement({ epoch: 3 }, { signWith: later[0]! }), 'nats')).toBe('old_epoch');
    expect(ring.accept(issuer.statement({ epoch: 1 }, { signWith: later[1]! }), 'nats')).toBeUndefined();
    expect(ring.accept(issuer.statement({ epoch: 900 }, { signWith: later[0]! }), 'nats')).toBe(
      'closed_anchor',
    );
    expect(ring.facts()).toMatchObject({ epoch: 1, pin: later[1]!.kid });
  });

  test('facts list the pins in their order', () => {
    const { issuer, later, ring } = setUp(2);
    expect(ring.facts()).toMatchObject({ pins: [issuer.anchor.kid, later[0]!.kid], pin: null });
  });

  test('a ring without an anchor is not made', () => {
    expect(() => new KeyRing({ issuer: 'i', anchors: [] })).toThrow(
      'a key ring needs at least one trust anchor',
    );
  });
});

test('freshness: confirmed for 15 s, then unconfirmed, and stale exactly at exp', () => {
  const { clock, issuer, ring } = setUp();
  expect(ring.freshness()).toBe('empty');
  ring.accept(issuer.statement(), 'nats');
  const at = (milliseconds: number) => {
    const start = clock.now();
    clock.advance(milliseconds);
    const freshness = ring.freshness();
    clock.set(start);
    return freshness;
  };
  expect(at(0)).toBe('confirmed');
  expect(at(15_000)).toBe('confirmed');
  expect(at(15_001)).toBe('unconfirmed');
  expect(at(899_999)).toBe('unconfirmed');
  expect(at(900_000)).toBe('stale');
  clock.advance(900_000);
  ring.accept(issuer.statement(), 'http');
  expect(ring.freshness()).toBe('confirmed');
});

test('facts tell age, status and end of each key', () => {
  const { clock, issuer, ring } = setUp();
  const iat = clock.now() / 1000;
  const keys = [
    published(issuer.key, { status: 'retiring', verify_until: iat + 60 }),
    published(issuer.standby),
  ];
  ring.accept(issuer.statement({ keys }), 'nats');
  clock.advance(1_234);
  expect(ring.facts()).toMatchObject({
    ...{ issuer: issuer.issuer, iat, exp: iat + 900, age: 1.234, freshness: 'confirmed' },
    keys: [
      { kid: issuer.key.kid, alg: 'ES256', status: 'retiring', verifyUntil: iat + 60 },
      { kid: issuer.standby.kid, status: 'active', verifyUntil: null },
    ],
  });
});

describe('find', () => {
  test.each([undefined, null, 1, {}, [], '', '__proto__', 'constructor'])('finds nothing under %p', (kid) => {
    const { issuer, ring } = setUp();
    ring.accept(issuer.statement(), 'nats');
    expect(ring.find(kid)).toBeUndefined();
    expect(ring.find([issuer.key.kid])).toBeUndefined();
  });

  test('gives the same object while re-issues merely repeat the key', () => {
    const { issuer, ring } = setUp();
    ring.accept(issuer.statement(), 'nats');
    const held = ring.find(issuer.key.kid);
    ring.accept(issuer.statement(), 'nats');
    expect(ring.find(issuer.key.kid)).toBe(held);
  });

  test.each([
    ['status', { status: 'prepared' }],
    ['end', { verify_until: 2_000_000_000 }],
  ])('gives another object once its %s has changed', (_what, facts) => {
    const { issuer, ring } = setUp();
    ring.accept(issuer.statement(), 'nats');
    const held = ring.find(issuer.key.kid);
    ring.accept(issuer.statement({ keys: [published(issuer.key, facts)] }), 'nats');
    expect(ring.find(issuer.key.kid)).not.toBe(held);
  });

  test('gives another object once its alg has changed, which the kid does not show', () => {
    const { issuer, ring } = setUp();
    const rsa = createTestKey('RS256');
    ring.accept(issuer.statement({ keys: [published(rsa)] }), 'nats');
    ring.accept(issuer.statement({ keys: [published(rsa, { alg: 'PS256' })] }), 'nats');
    expect(ring.find(rsa.kid)?.alg).toBe('PS256');
  });

  test('gives another object after the key was away', () => {
    const { issuer, ring } = setUp();
    ring.accept(issuer.statement(), 'nats');
    const held = ring.find(issuer.standby.kid);
    ring.accept(issuer.statement({ keys: [published(issuer.key)] }), 'nats');
    ring.accept(issuer.statement(), 'nats');
    expect(ring.find(issuer.standby.kid)).not.toBe(held);
  });
});

test('listeners hear of acceptances, after the ring has changed, and of nothing else', () => {
  const { issuer, ring } = setUp();
  const heard: unknown[] = [];
  ring.onAccepted(({ epoch }) => heard.push([epoch, ring.facts().epoch]));
  ring.accept(issuer.statement({ epoch: 2 }), 'nats');
  ring.accept(issuer.statement({ epoch: 1 }), 'nats');
  ring.accept('junk', 'nats');
  expect(heard).toEqual([[2, 2]]);
});
