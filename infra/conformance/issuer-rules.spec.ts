import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createTestKey } from '#testing';
import type { IssuerDocument } from './issuer-documents.js';
import { judgeIssuer } from './issuer-rules.js';

const issuer = 'https://issuer.test';
const jwksUri = `${issuer}/jwks`;
const [rsa, ec] = [createTestKey('RS256').publicJwk, createTestKey('ES256').publicJwk];
const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
const okp = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });

/** Judges a good issuer with changes. Returns the rows that are not a pass, with their verdict. */
function judged(
  answer: Partial<IssuerDocument> = {},
  {
    metadata = {},
    at = issuer,
    uri = jwksUri,
  }: { metadata?: object; at?: string; uri?: string | undefined } = {},
) {
  const jwks: IssuerDocument = {
    status: 200,
    contentType: 'application/json; charset=utf-8',
    cacheControl: 'public, max-age=300',
    json: { keys: [rsa, ec] },
    ...answer,
  };
  const stated = { issuer, jwks_uri: jwksUri, ...metadata };
  const rows = judgeIssuer(at, { metadata: stated, jwksUri: uri, jwks });
  return Object.fromEntries(
    rows.filter(({ verdict }) => verdict !== 'pass').map(({ name, verdict }) => [name, verdict]),
  );
}

const keys = (...members: unknown[]) => judged({ json: { keys: members } });

test('a good issuer passes every row', () => {
  expect(judged()).toEqual({});
});

test.each<[string, () => object, object]>([
  [
    'another issuer',
    () => judged({}, { metadata: { issuer: `${issuer}/` } }),
    { 'issuer in the metadata': 'fail' },
  ],
  ['no issuer', () => judged({}, { metadata: { issuer: undefined } }), { 'issuer in the metadata': 'fail' }],
  [
    'http elsewhere',
    () => judged({}, { at: 'http://issuer.test', metadata: { issuer: 'http://issuer.test' } }),
    { 'scheme of the issuer': 'fail' },
  ],
  [
    'http on this machine',
    () => judged({}, { at: 'http://localhost:1', metadata: { issuer: 'http://localhost:1' } }),
    { 'scheme of the issuer': 'note' },
  ],
  ['no key', () => keys(), { 'answer of jwks_uri': 'fail' }],
  [
    'too many keys',
    () => keys(...Array.from({ length: 501 }, (_, n) => ({ ...ec, kid: String(n) }))),
    { 'number of keys': 'fail' },
  ],
  [
    'members that are no text',
    () => keys(ec, { ...ec, kid: 'odd', kty: { toString: 1 }, use: { toString: 1 } }),
    expect.objectContaining({ 'each key has a use': 'note' }),
  ],
  ['no JSON', () => judged({ json: undefined }), { 'answer of jwks_uri': 'fail' }],
  ['status 500', () => judged({ status: 500 }), { 'answer of jwks_uri': 'fail' }],
  ['HTML', () => judged({ contentType: 'text/html' }), { 'type of the key set': 'note' }],
  ['no type', () => judged({ contentType: undefined }), { 'type of the key set': 'note' }],
  ['the own type', () => judged({ contentType: 'application/jwk-set+json' }), {}],
  ['no caching', () => judged({ cacheControl: 'no-store' }), {}],
  ['no word on caching', () => judged({ cacheControl: undefined }), { 'caching of the key set': 'note' }],
  ['no time', () => judged({ cacheControl: 'public' }), { 'caching of the key set': 'note' }],
  ['an hour', () => judged({ cacheControl: 'max-age=3600' }), {}],
  ['a day', () => judged({ cacheControl: 'max-age=86400' }), { 'caching of the key set': 'note' }],
  [
    'a day for proxies',
    () => judged({ cacheControl: 'max-age=60, s-maxage=86400' }),
    { 'caching of the key set': 'note' },
  ],
  ['a private member', () => keys({ ...ec, d: 'AQ' }), { 'no private or symmetric key': 'fail' }],
  [
    'a symmetric key',
    () => keys(ec, { kty: 'oct', k: 'AQ', kid: 's', use: 'sig', alg: 'HS256' }),
    {
      'no private or symmetric key': 'fail',
    },
  ],
  ['no kid, one key', () => keys({ ...ec, kid: undefined }), { 'each key has a kid': 'note' }],
  ['no kid, two keys', () => keys({ ...ec, kid: undefined }, rsa), { 'each key has a kid': 'fail' }],
  ['a kid twice', () => keys(ec, { ...rsa, kid: ec['kid'] }), { 'each kid occurs once': 'fail' }],
  ['no use', () => keys({ ...ec, use: undefined }), { 'each key has a use': 'note' }],
  ['a key that encrypts', () => keys(ec, { ...rsa, use: 'enc' }), {}],
  ['no alg', () => keys({ ...ec, alg: undefined }), { 'each key has an alg': 'note' }],
  ['an alg of another kind of key', () => keys({ ...ec, alg: 'RS256' }), { 'alg fits the key': 'fail' }],
  ['an alg of another curve', () => keys({ ...ec, alg: 'ES384' }), { 'alg fits the key': 'fail' }],
  ['a point that is not on the curve', () => keys({ ...ec, y: ec['x'] }), { 'each key can be read': 'fail' }],
  [
    'RSA with 1024 bits',
    () => keys({ ...short, kid: 'a', use: 'sig', alg: 'RS256' }),
    {
      'RSA keys have 2048 bits or more': 'fail',
    },
  ],
  ['Ed25519', () => keys({ ...okp, kid: 'a', use: 'sig', alg: 'EdDSA' }), {}],
  [
    'a kind of key that is newer',
    () => keys(ec, { kty: 'AKP', kid: 'a', use: 'sig', alg: 'ML-DSA-44', pub: 'AQ' }),
    {},
  ],
])('%s', (_what, judge, expected) => {
  expect(judge()).toEqual(expected);
});

test('without jwks_uri only the metadata are judged', () => {
  const rows = judgeIssuer(issuer, { metadata: { issuer }, jwksUri: undefined, jwks: undefined });
  expect(rows.map(({ name, verdict }) => [name, verdict])).toEqual([
    ['issuer in the metadata', 'pass'],
    ['scheme of the issuer', 'pass'],
    ['jwks_uri in the metadata', 'fail'],
  ]);
});

test('a reason names the keys', () => {
  const { json } = {
    json: {
      keys: [
        { ...ec, use: undefined, kid: 'first' },
        { ...rsa, use: undefined, kid: undefined },
      ],
    },
  };
  const answer = { status: 200, contentType: undefined, cacheControl: undefined, json };
  const rows = judgeIssuer(issuer, { metadata: {}, jwksUri, jwks: answer });
  expect(rows.find(({ name }) => name === 'each key has a use')).toMatchObject({
    seen: '0 of 2',
    why: expect.stringMatching(/: first, key 2$/),
  });
});
