import { describe, expect, it } from '@jest/globals';
import type { KeyRecord } from '../keys/key-life-cycle.js';
import { keyStatuses, type KeyStatus } from '../keys/signing-key.entity.js';
import { keySetPayload } from './key-set-payload.js';

const now = new Date(1_700_000_000_700);
const iat = 1_700_000_000;
const options = {
  issuer: 'https://issuer.test',
  epoch: 7,
  now,
  statementSeconds: 900,
  revoked: [],
  revocations: { from: 3, to: 9 },
};
const secondsAgo = (seconds: number) => new Date((iat - seconds) * 1000);

function key(status: KeyStatus, facts: Partial<KeyRecord> = {}): KeyRecord {
  return {
    kid: status,
    alg: 'ES256',
    publicJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', alg: 'ES256', use: 'sig', kid: status },
    seal: 'SECRET',
    status,
    preparedAt: secondsAgo(99),
    activatedAt: secondsAgo(98),
    verifyUntil: null,
    retiredAt: null,
    revokedAt: null,
    revocationReason: null,
    revocationNote: null,
    ...facts,
  };
}

describe('keySetPayload', () => {
  it('names issuer, epoch and times in whole seconds', () => {
    expect(keySetPayload([], options)).toEqual({
      iss: 'https://issuer.test',
      sub: 'https://issuer.test',
      iat,
      exp: iat + 900,
      epoch: 7,
      revocations: { from: 3, to: 9 },
      keys: [],
      revoked: [],
    });
  });

  it('publishes prepared, active and retiring keys and no other', () => {
    const { keys } = keySetPayload(
      keyStatuses.map((status) => key(status)),
      options,
    );
    expect(keys.map(({ kid, status }) => [kid, status])).toEqual([
      ['prepared', 'prepared'],
      ['active', 'active'],
      ['retiring', 'retiring'],
    ]);
  });

  it('says of a key its public JWK and status, and nothing else', () => {
    const payload = keySetPayload([key('active')], options);
    expect(payload.keys).toEqual([
      { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', alg: 'ES256', use: 'sig', kid: 'active', status: 'active' },
    ]);
    expect(JSON.stringify(payload)).not.toContain('SECRET');
  });

  it('gives the end of a retiring key, never earlier than it is', () => {
    const { keys } = keySetPayload(
      [key('retiring', { verifyUntil: new Date((iat + 60) * 1000 + 1) })],
      options,
    );
    expect(keys[0]!.verify_until).toBe(iat + 61);
  });

  it('names the revoked keys that it gets', () => {
    const revoked = [{ kid: 'gone', revoked_at: iat - 9, reason: 'compromised' as const }];
    expect(keySetPayload([], { ...options, revoked }).revoked).toEqual(revoked);
  });
});
