import { describe, expect, it } from '@jest/globals';
import { readAnchor, verifyKeySetStatement } from '#statements';
import { createTestIssuer, createTestKey, published } from '#testing';
import { NO_SEAL, type KeyRecord, type KeyRecords } from '../keys/key-life-cycle.js';
import { recoveredKeys } from './recover.js';
import type { KeyStatus } from '../keys/signing-key.entity.js';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
const now = at(50);
const note = 'the database was restored';
const newKeys = ['f1', 'f2'].map((kid) => ({ kid, alg: 'ES256', publicJwk: { kid }, seal: 'new' }) as const);

const issuer = createTestIssuer();
const [activeLater, stolenLater] = [createTestKey('ES384'), createTestKey()];
/** The newest statement: made after the backup, by then with another active key and two keys revoked. */
const proven = verifyKeySetStatement(
  issuer.statement({
    epoch: 40,
    keys: [published(activeLater), published(issuer.standby, { status: 'prepared' })],
    revoked: [
      { kid: issuer.key.kid, revoked_at: at(20).getTime() / 1000, reason: 'compromised' },
      { kid: stolenLater.kid, revoked_at: at(30).getTime() / 1000, reason: 'superseded' },
    ],
  }),
  { issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor), now: 0 },
);

/** A key of the backup. */
function key(kid: string, status: KeyStatus, facts: Partial<KeyRecord> = {}): KeyRecord {
  const ends = {
    activatedAt: null,
    verifyUntil: null,
    retiredAt: null,
    revokedAt: null,
    revocationReason: null,
    revocationNote: null,
  };
  return {
    ...ends,
    ...{ kid, alg: 'ES256', publicJwk: { kid }, seal: `seal of ${kid}`, status, preparedAt: at(0) },
    ...facts,
  };
}

const recover = (keys: KeyRecords) => recoveredKeys(keys, { proven, newKeys, now });
const byKid = (keys: KeyRecords, kid: string) => keys.find((candidate) => candidate.kid === kid);

describe('recoveredKeys', () => {
  it.each(['prepared', 'active', 'retiring'] as const)(
    'revokes a key that the backup has as %s',
    (status) => {
      expect(byKid(recover([key('k', status)]), 'k')).toMatchObject({
        status: 'revoked',
        seal: NO_SEAL,
        revokedAt: now,
        revocationReason: 'unspecified',
        revocationNote: note,
      });
    },
  );

  it('takes time and reason of a revocation that the backup does not know from the statement', () => {
    expect(byKid(recover([key(issuer.key.kid, 'active')]), issuer.key.kid)).toMatchObject({
      status: 'revoked',
      revokedAt: at(20),
      revocationReason: 'compromised',
      revocationNote: null,
    });
  });

  it('leaves what had ended before the backup as it is', () => {
    const ended = [
      key('r', 'retired', { retiredAt: at(5) }),
      key('x', 'revoked', { revokedAt: at(6), revocationReason: 'compromised' }),
    ];
    const after = recover(ended);
    for (const before of ended) expect(byKid(after, before.kid)).toBe(before);
  });

  it('enters keys that the backup never had as revoked, so that none of them can come back', () => {
    const after = recover([key('k', 'active')]);
    for (const [{ kid }, revokedAt, revocationReason, revocationNote] of [
      [activeLater, now, 'unspecified', note],
      [issuer.standby, now, 'unspecified', note],
      [stolenLater, at(30), 'superseded', null],
    ] as const) {
      expect(byKid(after, kid)).toMatchObject({
        status: 'revoked',
        seal: NO_SEAL,
        revokedAt,
        revocationReason,
        revocationNote,
      });
    }
    expect(byKid(after, activeLater.kid)).toMatchObject({ alg: 'ES384' });
  });

  it('names each key once', () => {
    const kids = recover([key(issuer.key.kid, 'active'), key(issuer.standby.kid, 'prepared')]).map(
      ({ kid }) => kid,
    );
    expect(new Set(kids).size).toBe(kids.length);
    expect(kids).toHaveLength(6);
  });

  it('prepares the new keys, and nothing else is published', () => {
    const published = recover([key('k', 'active'), key('s', 'prepared')]).filter(
      ({ status }) => status !== 'revoked',
    );
    expect(published.map(({ kid, status }) => [kid, status])).toEqual([
      ['f1', 'prepared'],
      ['f2', 'prepared'],
    ]);
  });

  it('has room for them however full the key set was', () => {
    const full = Array.from({ length: 64 }, (_, index) => key(`k${index}`, 'retiring'));
    expect(recover(full).filter(({ status }) => status === 'prepared')).toHaveLength(2);
  });
});
