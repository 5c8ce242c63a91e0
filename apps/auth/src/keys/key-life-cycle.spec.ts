import { describe, expect, it } from '@jest/globals';
import { MAX_STATEMENT_KEYS } from '#statements';
import {
  activate,
  activeKey,
  isPublished,
  NO_SEAL,
  prepare,
  retireExpired,
  revoke,
  standbyKey,
  type KeyRecord,
  type KeyRecords,
} from './key-life-cycle.js';
import { keyStatuses, type KeyStatus } from './signing-key.entity.js';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
const now = at(30);
const verifyUntil = at(59);
const destroy = ({ kid }: { kid: string }) => `destroyed ${kid}`;
const leaked = { now, reason: 'compromised', note: 'in a taxi', includeStandby: false } as const;

/** A key as it stands when it has reached a status. */
function key(kid: string, status: KeyStatus, facts: Partial<KeyRecord> = {}): KeyRecord {
  return {
    kid,
    alg: 'ES256',
    publicJwk: { kid },
    seal: `seal of ${kid}`,
    status,
    preparedAt: at(0),
    activatedAt: status === 'prepared' ? null : at(1),
    verifyUntil: status === 'retiring' || status === 'retired' ? at(20) : null,
    retiredAt: status === 'retired' ? at(21) : null,
    revokedAt: status === 'revoked' ? at(21) : null,
    revocationReason: status === 'revoked' ? 'superseded' : null,
    revocationNote: null,
    ...facts,
  };
}

const statusesOf = (keys: KeyRecords) => Object.fromEntries(keys.map(({ kid, status }) => [kid, status]));
const byKid = (keys: KeyRecords, kid: string) => keys.find((candidate) => candidate.kid === kid)!;
const [active, standby] = [key('a', 'active'), key('s', 'prepared')];

describe('prepare', () => {
  const fresh = { kid: 'n', alg: 'RS256', publicJwk: { kid: 'n' }, seal: 'x' } as const;

  it('adds the key as prepared and leaves all others as they are', () => {
    const after = prepare([active, standby], fresh, now);
    expect(after.slice(0, 2)).toEqual([active, standby]);
    expect(after[0]).toBe(active);
    expect(after[2]).toEqual({ ...key('n', 'prepared'), ...fresh, preparedAt: now });
  });

  it('keeps room for one more published key, for an emergency', () => {
    const full = Array.from({ length: MAX_STATEMENT_KEYS - 1 }, (_, i) => key(`k${i}`, 'retiring'));
    expect(() => prepare(full, fresh, now)).toThrow(expect.objectContaining({ code: 'too_many_keys' }));
    expect(prepare(full.slice(1), fresh, now)).toHaveLength(MAX_STATEMENT_KEYS - 1);
    const gone = full.map((each, i) => (i % 2 ? key(each.kid, 'retired') : key(each.kid, 'revoked')));
    expect(prepare(gone, fresh, now)).toHaveLength(MAX_STATEMENT_KEYS);
  });
});

describe('activate', () => {
  const options = { now, verifyUntil, destroy };

  it('makes the prepared key active, and the active one retiring without its private half', () => {
    const after = activate([active, standby, key('r', 'retiring')], 's', options);
    expect(byKid(after, 's')).toEqual({ ...standby, status: 'active', activatedAt: now });
    expect(byKid(after, 'a')).toEqual({ ...active, status: 'retiring', verifyUntil, seal: 'destroyed a' });
    expect(byKid(after, 'r')).toEqual(key('r', 'retiring'));
  });

  it('works where nothing was active', () => {
    expect(statusesOf(activate([standby], 's', options))).toEqual({ s: 'active' });
  });

  it.each(keyStatuses.filter((status) => status !== 'prepared'))('refuses a key that is %s', (status) => {
    const set = [key('x', status), standby];
    expect(() => activate(set, 'x', options)).toThrow('only a prepared key can be activated');
  });

  it('refuses a kid that there is not', () => {
    expect(() => activate([active], 'x', options)).toThrow(
      expect.objectContaining({ code: 'key_not_found' }),
    );
  });
});

describe('retireExpired', () => {
  it('retires a retiring key from the moment on that its last token has expired', () => {
    const retiring = (until: Date) => [key('r', 'retiring', { verifyUntil: until })];
    expect(retireExpired(retiring(at(31)), now)[0]).toMatchObject({ status: 'retiring', retiredAt: null });
    expect(retireExpired(retiring(at(30)), now)[0]).toMatchObject({ status: 'retired', retiredAt: now });
    expect(retireExpired(retiring(at(29)), now)[0]).toMatchObject({ status: 'retired', retiredAt: now });
  });

  it.each(keyStatuses.filter((status) => status !== 'retiring'))(
    'leaves a key that is %s as it is',
    (status) => {
      const before = key('x', status, { verifyUntil: at(1) });
      expect(retireExpired([before], now)[0]).toBe(before);
    },
  );
});

describe('revoke', () => {
  it.each(['prepared', 'retiring'] as const)('revokes a key that is %s and touches no other', (status) => {
    const target = key('x', status);
    const after = revoke([active, standby, target], 'x', leaked);
    expect(byKid(after, 'x')).toEqual({
      ...target,
      status: 'revoked',
      revokedAt: now,
      revocationReason: 'compromised',
      revocationNote: 'in a taxi',
      seal: NO_SEAL,
    });
    expect(after.slice(0, 2)).toEqual([active, standby]);
  });

  it('makes the standby active in the same step where the active key falls', () => {
    const after = revoke([active, standby], 'a', leaked);
    expect(statusesOf(after)).toEqual({ a: 'revoked', s: 'active' });
    expect(byKid(after, 's')).toMatchObject({ activatedAt: now, seal: 'seal of s' });
  });

  it('prefers the standby of the same algorithm, then the one that everyone has had longest', () => {
    const older = key('rs', 'prepared', { alg: 'RS256', preparedAt: at(1) });
    const newer = key('es', 'prepared', { preparedAt: at(9) });
    expect(activeKey(revoke([active, older, newer], 'a', leaked))!.kid).toBe('es');
    const another = key('ps', 'prepared', { alg: 'PS256', preparedAt: at(0) });
    expect(activeKey(revoke([active, older, another], 'a', leaked))!.kid).toBe('ps');
  });

  it('leaves nothing that signs where the standby falls too', () => {
    const after = revoke([active, standby, key('s2', 'prepared'), key('r', 'retiring')], 'a', {
      ...leaked,
      includeStandby: true,
    });
    expect(statusesOf(after)).toEqual({ a: 'revoked', s: 'revoked', s2: 'revoked', r: 'retiring' });
    expect(byKid(after, 's2').seal).toBe(NO_SEAL);
  });

  it.each(['retired', 'revoked'] as const)('refuses a key that is %s, and keeps its history', (status) => {
    expect(() => revoke([active, standby, key('x', status)], 'x', leaked)).toThrow(
      expect.objectContaining({ code: 'key_not_revocable' }),
    );
  });

  it('refuses a kid that there is not', () => {
    expect(() => revoke([active], 'x', leaked)).toThrow(expect.objectContaining({ code: 'key_not_found' }));
  });
});

describe('the set as a whole', () => {
  it.each<[KeyStatus, boolean]>([
    ['prepared', true],
    ['active', true],
    ['retiring', true],
    ['retired', false],
    ['revoked', false],
  ])('a key that is %s is published: %s', (status, published) => {
    expect(isPublished(key('x', status))).toBe(published);
  });

  it('has as standby the prepared key that is oldest, of an algorithm if one is named', () => {
    const set = [
      active,
      key('late', 'prepared', { preparedAt: at(5) }),
      key('early', 'prepared', { preparedAt: at(2) }),
      key('rsa', 'prepared', { alg: 'RS256', preparedAt: at(9) }),
    ];
    expect(standbyKey(set)!.kid).toBe('early');
    expect(standbyKey(set, 'RS256')!.kid).toBe('rsa');
    expect(standbyKey(set, 'PS256')).toBeUndefined();
    expect(standbyKey([active])).toBeUndefined();
  });

  it('never has two active keys, nor a published one that was retired or revoked, whatever is done to it', () => {
    const steps: ((set: KeyRecords, kid: string) => KeyRecords)[] = [
      (set, kid) => activate(set, kid, { now, verifyUntil, destroy }),
      (set, kid) => revoke(set, kid, leaked),
      (set, kid) => revoke(set, kid, { ...leaked, includeStandby: true }),
      (set) => retireExpired(set, verifyUntil),
    ];
    const start: KeyRecords = [active, standby, key('t', 'prepared'), key('r', 'retiring')];
    const explore = (set: KeyRecords, depth: number): number => {
      if (depth === 0) return 1;
      let seen = 1;
      for (const step of steps) {
        for (const { kid } of set) {
          let next: KeyRecords;
          try {
            next = step(set, kid);
          } catch {
            continue;
          }
          expect(next.filter(({ status }) => status === 'active').length).toBeLessThanOrEqual(1);
          for (const before of set.filter((each) => !isPublished(each)))
            expect(byKid(next, before.kid)).toBe(before);
          expect(next.map((each) => each.kid)).toEqual(set.map((each) => each.kid));
          seen += explore(next, depth - 1);
        }
      }
      return seen;
    };
    expect(explore(start, 3)).toBeGreaterThan(200);
  });
});
