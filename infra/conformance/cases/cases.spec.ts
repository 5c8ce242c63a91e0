/** Each request has the one fault that its name says. Otherwise a target could refuse it for another reason. */
import { constants, createHmac, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestKey, startTestIssuer, type TestAlg, type TestKey } from '#testing';
import type { Case, World } from '../case.js';
import { claimCases, scopeCase } from './claims.js';
import { formCases } from './form.js';
import { headerCases } from './header.js';
import { signatureCases } from './signature.js';
import { goodCase, transportCases } from './transport.js';

const hashes = {
  RS256: 'sha256',
  PS256: 'sha256',
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
} as const;

/** Whether a key made the signature. Like many decoders, this one ignores what is no base64url. */
function holds(token: string, { publicKey: key }: TestKey, alg: TestAlg, dsaEncoding: 'ieee-p1363' | 'der') {
  const [header, payload, signature = ''] = token.split('.');
  const options = alg.startsWith('ES')
    ? { key, dsaEncoding }
    : alg === 'PS256'
      ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { key };
  return verify(
    hashes[alg],
    Buffer.from(`${header}.${payload}`),
    options,
    Buffer.from(signature, 'base64url'),
  );
}

describe.each<TestAlg>(['RS256', 'PS256', 'ES256', 'ES384', 'ES512'])('with %s', (alg) => {
  let world: World;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const issuer = await startTestIssuer({ alg });
    close = issuer.close;
    world = {
      issuer,
      audience: 'things',
      token: (claims, signing) => issuer.token({ aud: 'things', ...claims }, signing),
      attacker: createTestKey(alg),
      attackerUrl: 'http://127.0.0.1:1/keys',
    };
  });
  afterAll(() => close());

  const casesOf = (cases: readonly Case[]) => cases.filter(({ algs }) => algs?.includes(alg) ?? true);
  const tokenOf = (given: Case) => given.sent(world).authorization?.[0]?.split(' ')[1] ?? '';
  /** Who made the signature. */
  function signerOf(given: Case): string {
    const [token, { issuer, attacker }] = [tokenOf(given), world];
    if (holds(token, issuer.key, alg, 'ieee-p1363')) return 'issuer';
    return holds(token, attacker, alg, 'ieee-p1363') ? 'attacker' : 'nobody';
  }
  const signersOf = (cases: readonly Case[]) =>
    Object.fromEntries(casesOf(cases).map((each) => [each.name, signerOf(each)]));
  const find = (cases: readonly Case[], part: string) => cases.find(({ name }) => name.includes(part))!;

  it('every token with wrong claims has a right signature', () => {
    expect(new Set(Object.values(signersOf([...claimCases, scopeCase])))).toEqual(new Set(['issuer']));
  });

  it('every token of a wrong form has one, if it has one at all', () => {
    const signers = signersOf(formCases);
    const unsigned = Object.entries(signers).filter(([, signer]) => signer !== 'issuer');
    expect(unsigned.map(([name]) => name)).toEqual([
      'no token',
      'the scheme without a token',
      'text that is no JWT',
      'two segments',
    ]);
  });

  it('every changed form differs from a good token', () => {
    for (const each of casesOf(formCases.filter(({ name }) => name.startsWith('the signature')))) {
      const signature = tokenOf(each).split('.')[2]!;
      expect([each.name, Buffer.from(signature, 'base64url').toString('base64url')]).not.toEqual([
        each.name,
        signature,
      ]);
    }
  });

  it('no token with a wrong signature is signed by the issuer', () => {
    const { ['a signature by another key, under a known kid']: other, ...signers } =
      signersOf(signatureCases);
    expect(other).toBe('attacker');
    expect(new Set(Object.values(signers))).toEqual(new Set(['nobody']));
  });

  it('those of another algorithm and of another form are right in theirs', () => {
    const other = { RS256: 'PS256', PS256: 'RS256', ES256: 'ES384', ES384: 'ES256', ES512: 'ES256' } as const;
    const withOther = tokenOf(find(signatureCases, 'another algorithm'));
    expect(holds(withOther, world.issuer.key, other[alg], 'ieee-p1363')).toBe(true);
    const withDer = casesOf(signatureCases).find(({ name }) => name.includes('ASN.1'));
    expect(withDer !== undefined).toBe(alg.startsWith('ES'));
    if (withDer) expect(holds(tokenOf(withDer), world.issuer.key, alg, 'der')).toBe(true);
  });

  it.each([
    ['as PEM', () => world.issuer.key.publicPem],
    ['as JWK', () => JSON.stringify(world.issuer.key.publicJwk)],
  ])('HS256 with the public key %s is right for this secret', (part, secret) => {
    const [header, payload, signature] = tokenOf(find(signatureCases, part)).split('.');
    const mac = createHmac('sha256', secret()).update(`${header}.${payload}`).digest('base64url');
    expect(signature).toBe(mac);
  });

  it('tokens with an odd header are signed by the issuer, by the attacker, or by HS256', () => {
    const signers = signersOf(headerCases);
    const by = (signer: string) => Object.keys(signers).filter((name) => signers[name] === signer);
    expect(by('nobody')).toEqual([
      'kid that is a path, and HS256 with an empty secret',
      'kid that is SQL, and HS256 with its result',
    ]);
    expect(by('attacker')).toEqual([
      'kid of a key that nobody published',
      'no kid, and a signature by another key',
      'jku that names the key set of an attacker',
      'x5u that names a URL of an attacker',
      'jwk that is the key of an attacker',
      'jwk that is the key of an attacker, under a known kid',
    ]);
  });
});

it('each case has a name of its own and names a section', () => {
  const all = [
    formCases,
    signatureCases,
    headerCases,
    claimCases,
    transportCases,
    [scopeCase, goodCase('good')],
  ].flat();
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  for (const { rfc } of all) expect(rfc).toMatch(/^RFC \d{4} §\d/);
});
