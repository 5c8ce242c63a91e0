import { describe, expect, test } from '@jest/globals';
import { createTestIssuer, createTestKey, signCompact } from '#testing';
import { readAnchor } from './anchor.js';
import {
  MAX_REVOCATION_BYTES,
  revocationPayload,
  revokedKinds,
  verifyRevocation,
  type RevokedSubject,
} from './revocation.js';
import { StatementError, type StatementErrorCode } from './statement-error.js';

const issuer = createTestIssuer();
const { anchor, key } = issuer;
const anchors = issuer.anchors.map(readAnchor);
const iat = 1_800_000_000;
const subject: RevokedSubject = { kind: 'sid', value: 'session-1' };
const facts = { issuer: issuer.issuer, iat, jti: 'set-1', n: 7 };
const payload = (changes: Record<string, unknown> = {}) => ({
  ...revocationPayload(subject, facts),
  ...changes,
});
const header = { alg: 'ES256', typ: 'secevent+jwt', kid: anchor.kid };
const signed = (content: unknown, changes: Record<string, unknown> = {}, by = anchor) =>
  signCompact({ ...header, ...changes }, content, by);
const verify = (jws: string) => verifyRevocation(jws, { issuer: issuer.issuer, anchors });

describe('says of', () => {
  test.each([
    [
      'jti',
      'https://schemas.openid.net/secevent/oauth/event-type/token-revoked',
      { format: 'jwt_id', iss: issuer.issuer, jti: 'name' },
    ],
    [
      'sid',
      'https://schemas.openid.net/secevent/caep/event-type/session-revoked',
      { format: 'opaque', id: 'name' },
    ],
    [
      'client_id',
      'https://schemas.openid.net/secevent/oauth/event-type/client-disabled',
      { format: 'opaque', id: 'name' },
    ],
  ] as const)('a %s exactly this, and it is read back', (kind, event, sub_id) => {
    const said = revocationPayload({ kind, value: 'name' }, facts);
    expect(said).toEqual({ iss: issuer.issuer, iat, jti: 'set-1', n: 7, sub_id, events: { [event]: {} } });
    expect(verify(signed(said))).toEqual({ n: 7, kind, value: 'name' });
  });

  test('no kind too few', () => expect(revokedKinds).toEqual(['jti', 'sid', 'client_id']));
});

test('an event may say more about itself', () => {
  const events = {
    'https://schemas.openid.net/secevent/caep/event-type/session-revoked': { reason_user: {} },
  };
  expect(verify(signed(payload({ events })))).toMatchObject({ kind: 'sid', value: 'session-1' });
});

test('any pinned anchor may sign', () => {
  const next = createTestKey();
  const both = [...anchors, readAnchor(next.publicPem)];
  const jws = signed(payload(), { kid: next.kid }, next);
  expect(verifyRevocation(jws, { issuer: issuer.issuer, anchors: both })).toMatchObject({ n: 7 });
});

describe('refuses', () => {
  const stranger = createTestKey();
  const good = signed(payload());
  const session = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
  const disabled = 'https://schemas.openid.net/secevent/oauth/event-type/client-disabled';
  const token = 'https://schemas.openid.net/secevent/oauth/event-type/token-revoked';
  const jwtId = { format: 'jwt_id', iss: issuer.issuer, jti: 'name' };

  test.each<[string, string, StatementErrorCode]>([
    ['one that is too large', 'x'.repeat(MAX_REVOCATION_BYTES + 1), 'too_large'],
    ['two segments', good.split('.').slice(0, 2).join('.'), 'malformed'],
    ['crit', signed(payload(), { crit: ['exp'] }), 'malformed'],
    ['the typ of a key set', signed(payload(), { typ: 'jwk-set+jwt' }), 'wrong_typ'],
    ['the typ of an access token', signed(payload(), { typ: 'at+jwt' }), 'wrong_typ'],
    ['no typ', signed(payload(), { typ: undefined }), 'wrong_typ'],
    ['a key set', issuer.statement(), 'wrong_typ'],
    ['a stranger', signed(payload(), { kid: stranger.kid }, stranger), 'unknown_anchor'],
    ['a signing key of the issuer', signed(payload(), { kid: key.kid }, key), 'unknown_anchor'],
    ["a stranger under the anchor's kid", signed(payload(), {}, stranger), 'bad_signature'],
    ['alg none', signed(payload(), { alg: 'none' }), 'bad_signature'],
    ['another issuer', signed(payload({ iss: 'https://other.test' })), 'wrong_issuer'],
    [
      "another issuer's token",
      signed(payload({ sub_id: { ...jwtId, iss: 'https://other.test' }, events: { [token]: {} } })),
      'wrong_issuer',
    ],
    ['no n', signed(payload({ n: undefined })), 'invalid_payload'],
    ['n 0', signed(payload({ n: 0 })), 'invalid_payload'],
    ['n as text', signed(payload({ n: '7' })), 'invalid_payload'],
    ['no iat', signed(payload({ iat: undefined })), 'invalid_payload'],
    ['no jti', signed(payload({ jti: undefined })), 'invalid_payload'],
    ['no subject', signed(payload({ sub_id: undefined })), 'invalid_payload'],
    ['an empty subject', signed(payload({ sub_id: { format: 'opaque', id: '' } })), 'invalid_payload'],
    ['a subject of the other format', signed(payload({ sub_id: jwtId })), 'invalid_payload'],
    ['no event', signed(payload({ events: {} })), 'invalid_payload'],
    ['an unknown event', signed(payload({ events: { 'https://event.test': {} } })), 'invalid_payload'],
    ['two events', signed(payload({ events: { [session]: {}, [disabled]: {} } })), 'invalid_payload'],
    ['an event that is no object', signed(payload({ events: { [session]: true } })), 'invalid_payload'],
  ])('%s', (_what, jws, code) => {
    let refusal: unknown;
    try {
      verify(jws);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(StatementError);
    expect((refusal as StatementError).code).toBe(code);
  });

  test('names that are longer than any of ours, so that a full one is within the size limit', () => {
    const longest = { kind: 'jti' as const, value: 'x'.repeat(512) };
    expect(verify(signed(revocationPayload(longest, facts)))).toMatchObject(longest);
    const longer = signed(revocationPayload({ kind: 'sid', value: 'x'.repeat(513) }, facts));
    expect(() => verify(longer)).toThrow(StatementError);
  });
});
