/** Each step is reported by its own code, and the first step that fails hides all later ones. */
import { beforeAll, describe, expect, it, test } from '@jest/globals';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey, published } from '#testing';
import { createVerifyAccessToken, KeyRing } from '#trust';
import { explain } from './explanation.js';
import { steps } from './steps.js';

const issuer = createTestIssuer();
const retiring = createTestKey();
const stranger = createTestKey();
const now = Math.floor(Date.now() / 1000);

interface Fault {
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly signWith?: typeof retiring;
  readonly edit?: (token: string) => string;
}

/** What is wrong with a token, in the order in which a verifier looks. */
const faults: Record<string, Fault> = {
  too_large: { claims: { pad: 'x'.repeat(9_000) } },
  malformed: { edit: (token) => `${token}.` },
  wrong_typ: { header: { typ: 'jwt' } },
  unsupported_header: { header: { crit: ['exp'] } },
  unknown_kid: { header: { kid: 'nobody' } },
  alg_mismatch: { header: { alg: 'RS256' } },
  bad_signature: { signWith: stranger, header: { kid: issuer.key.kid } },
  invalid_claim: { claims: { sub: undefined } },
  wrong_issuer: { claims: { iss: 'https://other.test' } },
  key_bound: { claims: { cnf: { jkt: 'x' } } },
  wrong_audience: { claims: { aud: 'inventory' } },
  expired: { claims: { iat: now - 900, exp: now - 700 } },
  not_yet_valid: { claims: { iat: now + 900, exp: now + 1_000 } },
  lifetime_too_long: { claims: { exp: now + 4_000 } },
  past_key_end: { signWith: retiring },
  revoked: { claims: { sid: 'ended' } },
  wrong_actor: { claims: { act: { sub: 'web' } } },
  insufficient_scope: { claims: { scope: 'orders:read' } },
};
const codes = Object.keys(faults);

let ring: KeyRing;
beforeAll(() => {
  ring = new KeyRing({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor) });
  const keys = [published(issuer.key), published(retiring, { status: 'retiring', verify_until: now + 60 })];
  const revocations = { from: 1, to: 1 };
  expect(ring.accept(issuer.statement({ keys, revocations }), 'local')).toBeUndefined();
  expect(ring.revocations.add(issuer.revocation(1, { sid: 'ended' }))).toBeUndefined();
});

/** Explains a token with these faults. Where two contradict, the first one counts. */
function explained(...present: Fault[]) {
  const merged = [...present].reverse().reduce<Fault>((all, { claims, header, ...rest }) => {
    const both = { claims: { ...all.claims, ...claims }, header: { ...all.header, ...header } };
    return { ...all, ...rest, ...both };
  }, {});
  const { claims, header, signWith, edit = (token: string) => token } = merged;
  const token = edit(
    issuer.token(
      { act: { sub: 'orders' }, ...claims },
      { ...(signWith && { signWith }), ...(header && { header }) },
    ),
  );
  const verify = createVerifyAccessToken({ ring });
  return explain({ token, scopes: ['orders:write'], actor: 'orders', encrypted: false }, (sent, required) =>
    verify(sent, { ...required, audience: 'orders' }),
  );
}

const failing = (lines: readonly string[]) => lines.find((each) => each.startsWith('FAILS'))?.split(/\s+/)[1];

it('a good token passes every step that was asked', async () => {
  const { accepted, lines } = await explained({});
  expect([accepted, failing(lines)]).toEqual([true, undefined]);
  const shown = lines.filter((each) => each.startsWith('ok')).map((each) => each.split(/\s+/)[1]);
  expect(shown).toEqual(['trust_stale', ...codes]);
});

describe.each(codes)('%s', (code) => {
  it('is told, with the steps before it', async () => {
    const { accepted, lines } = await explained(faults[code]!);
    expect([accepted, failing(lines)]).toEqual([false, code]);
    expect(lines.filter((each) => each.startsWith('ok'))).toHaveLength(1 + codes.indexOf(code));
  });

  it('comes before every later fault', async () => {
    for (const later of codes.slice(codes.indexOf(code) + 1))
      expect([later, failing((await explained(faults[code]!, faults[later]!)).lines)]).toEqual([later, code]);
  });
});

test('every step has its place, and there is no other', () => {
  expect(Object.keys(steps)).toEqual(['trust_stale', 'not_encrypted', 'undecryptable', ...codes]);
});

test('without a statement, nothing else is looked at', async () => {
  const empty = new KeyRing({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor) });
  const verify = createVerifyAccessToken({ ring: empty });
  const { lines } = await explain({ token: 'x', scopes: [], encrypted: false }, (token, required) =>
    verify(token, { ...required, audience: 'orders' }),
  );
  expect(lines[0]).toMatch(/^FAILS +trust_stale/);
});

test('of an encrypted token only the failing step is told', async () => {
  const { lines } = await explain({ token: 'x', scopes: [], encrypted: true }, () => {
    ring.find('x');
    return createVerifyAccessToken({ ring })('x', { audience: 'orders' });
  });
  expect(lines).toEqual([
    expect.stringMatching(/^FAILS +malformed/),
    '',
    expect.stringContaining('It is refused'),
  ]);
});

test('a fault of the verifier itself is no refusal', async () => {
  const failure = new Error('out of memory');
  const judging = explain({ token: 'x', scopes: [], encrypted: false }, () => Promise.reject(failure));
  await expect(judging).rejects.toBe(failure);
});
