import { describe, expect, it } from '@jest/globals';
import { readAnchor } from '#statements';
import { createTestIssuer, fakeClock } from '#testing';
import { KeyRing } from '../key-ring.js';
import { MAX_REVOCATIONS } from '../revocations.js';
import { trustCheck } from './trust-check.js';

describe('trustCheck', () => {
  it('follows the key ring from empty over confirmed and unconfirmed to stale', () => {
    const clock = fakeClock();
    const issuer = createTestIssuer({ clock: clock.now });
    const anchors = issuer.anchors.map(readAnchor);
    const ring = new KeyRing({ issuer: issuer.issuer, anchors, clock: clock.now });
    const { check } = trustCheck(ring);

    expect(check()).toEqual({ status: 'down', freshness: 'empty', epoch: null });
    ring.accept(issuer.statement(), 'local');
    expect(check()).toEqual({ status: 'up', freshness: 'confirmed', epoch: 1 });
    clock.advance(16_000);
    expect(check()).toEqual({ status: 'degraded', freshness: 'unconfirmed', epoch: 1 });
    clock.advance(900_000);
    expect(check()).toEqual({ status: 'down', freshness: 'stale', epoch: 1 });
    ring.accept(issuer.statement(), 'local');
    expect(check()).toEqual({ status: 'up', freshness: 'confirmed', epoch: 2 });
  });

  it('is down while the revocation view may not be used', () => {
    const issuer = createTestIssuer();
    const ring = new KeyRing({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor) });
    const { check } = trustCheck(ring);
    ring.revocations.requireComplete();
    ring.accept(issuer.statement(), 'nats');
    expect(check()).toMatchObject({ status: 'down', reason: 'revocations_incomplete' });
    ring.revocations.caughtUp();
    expect(check()).toEqual({ status: 'up', freshness: 'confirmed', epoch: 1 });
    ring.accept(issuer.statement({ revocations: { from: 1, to: MAX_REVOCATIONS + 1 } }), 'nats');
    expect(check()).toMatchObject({ status: 'down', reason: 'too_many_revocations' });
  });
});
