import { describe, expect, it } from '@jest/globals';
import type { KeyRecord } from '../keys/key-life-cycle.js';
import type { KeyStatus } from '../keys/signing-key.entity.js';
import { decideRotation, dueStandby, type RotationFacts } from './rotation-decision.js';

const START = Date.UTC(2026, 0, 1);
const at = (second: number) => new Date(START + second * 1000);

function key(kid: string, status: KeyStatus, facts: Partial<KeyRecord> = {}): KeyRecord {
  return {
    kid,
    alg: 'ES256',
    publicJwk: { kid },
    seal: '',
    status,
    preparedAt: at(0),
    activatedAt: status === 'active' ? at(0) : null,
    verifyUntil: null,
    retiredAt: null,
    revokedAt: null,
    revocationReason: null,
    revocationNote: null,
    ...facts,
  };
}

describe('decideRotation', () => {
  const decide = (
    facts: Partial<RotationFacts> & {
      cause?: 'requested' | 'scheduled' | 'emergency';
      waitsForJwks?: boolean;
    },
  ) =>
    decideRotation({
      rotation: {
        kid: 'next',
        cause: facts.cause ?? 'requested',
        requestedAt: at(100),
        waitsForJwks: facts.waitsForJwks ?? false,
      },
      keys: [key('now', 'active'), key('next', 'prepared')],
      now: at(101),
      statementSeconds: 900,
      jwksMaxAgeSeconds: 600,
      isComplete: true,
      lacking: [],
      ...facts,
    });
  const waiting = { lacking: ['orders/one'] };

  it('goes on once every counted verifier holds the key, and everybody had the time to be heard', () => {
    expect(decide({})).toBe('activate');
    expect(decide({ isComplete: false })).toBe('wait');
    expect(decide(waiting)).toBe('wait');
  });

  it.each(['requested', 'scheduled'] as const)(
    'goes on, if it was %s, when the last statement that lacks the key has expired',
    (cause) => {
      const facts = { ...waiting, cause, isComplete: false };
      expect(decide({ ...facts, now: new Date(at(900).getTime() - 1) })).toBe('wait');
      expect(decide({ ...facts, now: at(900) })).toBe('activate');
    },
  );

  it('counts from the time that the key was prepared, not from the time of the request', () => {
    const keys = [key('now', 'active'), key('next', 'prepared', { preparedAt: at(50) })];
    expect(decide({ ...waiting, keys, now: at(949) })).toBe('wait');
    expect(decide({ ...waiting, keys, now: at(950) })).toBe('activate');
  });

  it('waits for third parties where it is told to, also when every verifier holds the key', () => {
    const facts = { waitsForJwks: true };
    expect(decide({ ...facts, now: new Date(at(1_200).getTime() - 1) })).toBe('wait');
    expect(decide({ ...facts, now: at(1_200) })).toBe('activate');
  });

  it('waits for third parties also when the last statement that lacks the key has expired', () => {
    const facts = { ...waiting, waitsForJwks: true };
    expect(decide({ ...facts, now: at(900) })).toBe('wait');
    expect(decide({ ...facts, now: at(1_200) })).toBe('activate');
  });

  it('waits for verifiers when third parties are done', () => {
    expect(decide({ ...waiting, waitsForJwks: true, jwksMaxAgeSeconds: 10, now: at(101) })).toBe('wait');
  });

  it('waits no longer than a second in an emergency', () => {
    const facts = { ...waiting, cause: 'emergency' as const, isComplete: false };
    expect(decide({ ...facts, now: new Date(at(101).getTime() - 1) })).toBe('wait');
    expect(decide({ ...facts, now: at(101) })).toBe('activate');
  });

  it.each([
    ['revoked', 'aborted'],
    ['retired', 'aborted'],
    ['retiring', 'aborted'],
    ['active', 'activated'],
  ] as const)('has ended where the key is %s: %s', (status, outcome) => {
    expect(decide({ keys: [key('next', status)] })).toBe(outcome);
  });

  it('is aborted where there is no such key, as for a row that somebody wrote by hand', () => {
    expect(decide({ keys: [key('now', 'active')] })).toBe('aborted');
  });
});

describe('dueStandby', () => {
  const settings = { rotationSeconds: 1_000, jwksMaxAgeSeconds: 300 };
  const due = (second: number, { kid = 'now', preparedAt = at(0), alg = 'ES256' as const } = {}) =>
    dueStandby([key(kid, 'active'), key('next', 'prepared', { preparedAt, alg })], at(second), settings)?.kid;
  /** The second at which an active key of that name is due. */
  const dueAt = (kid: string) => {
    let second = 0;
    while (second < 2_000 && due(second, { kid }) === undefined) second += 1;
    return second;
  };

  it('is within a tenth of the age that is set, for each key at another moment, and the same for each replica', () => {
    const moments = Array.from({ length: 60 }, (_, i) => dueAt(`key-${i}`));
    expect(Math.min(...moments)).toBeGreaterThanOrEqual(900);
    expect(Math.max(...moments)).toBeLessThanOrEqual(1_100);
    expect(Math.max(...moments) - Math.min(...moments)).toBeGreaterThan(100);
    expect(dueAt('key-7')).toBe(moments[7]);
  });

  it('waits until third parties may know the standby: twice the time that they may cache the JWKS', () => {
    const preparedAt = at(1_000);
    expect(due(1_599, { preparedAt })).toBeUndefined();
    expect(due(1_600, { preparedAt })).toBe('next');
  });

  it('is never due with the setting 0, without an active key, or without a standby of its algorithm', () => {
    const [active, standby] = [key('now', 'active'), key('next', 'prepared')];
    const late = at(9_999);
    expect(dueStandby([active, standby], late, settings)?.kid).toBe('next');
    expect(dueStandby([active, standby], late, { ...settings, rotationSeconds: 0 })).toBeUndefined();
    expect(dueStandby([standby], late, settings)).toBeUndefined();
    expect(dueStandby([active], late, settings)).toBeUndefined();
    expect(dueStandby([active, { ...standby, alg: 'RS256' }], late, settings)).toBeUndefined();
  });
});
