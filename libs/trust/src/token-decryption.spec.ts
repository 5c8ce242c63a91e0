import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { CompactEncrypt } from 'jose';
import { createTestRecipient, encryptCompact, segment } from '#testing';
import { readDecryptionKey } from './encryption-key.js';
import { createDecryptToken } from './token-decryption.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';

type Json = Record<string, unknown>;

const recipient = createTestRecipient();
const decrypt = createDecryptToken(readDecryptionKey(recipient.privateJwk), { maxBytes: 8_192 });

/** The content of a token, or the code of the refusal. */
const outcomeOf = (token: string, decryptToken = decrypt): Promise<string> =>
  decryptToken(token).then(
    ({ signed }) => signed,
    (error: unknown) => (error instanceof TrustError ? error.code : Promise.reject(error as Error)),
  );

const encrypted = (header: Json = {}, content = 'a.b.c') => encryptCompact(content, recipient, { header });
const headerOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as Json;
const epkOf = (token: string) => headerOf(token)['epk'] as Json;

/** Replaces one segment. */
function withSegment(index: number, change: (segment: string) => string, token = encrypted()): string {
  const segments = token.split('.');
  segments[index] = change(segments[index]!);
  return segments.join('.');
}
const flipped = (text: string, at = 0) => {
  const bytes = Buffer.from(text, 'base64url');
  bytes[at]! ^= 1;
  return bytes.toString('base64url');
};

test('what node:crypto encrypts is decrypted, and so is what jose encrypts', async () => {
  expect(await outcomeOf(encrypted())).toBe('a.b.c');
  const byJose = await new CompactEncrypt(Buffer.from('a.b.c'))
    .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', cty: 'JWT', kid: recipient.kid })
    .encrypt(recipient.publicKey);
  expect(await decrypt(byJose)).toEqual({ sent: byJose, signed: 'a.b.c' });
});

describe('refused', () => {
  const stranger = createTestRecipient();
  const p384 = createTestRecipient('P-384');

  test.each<[string, TrustErrorCode, () => string]>([
    ['a token that is only signed', 'not_encrypted', () => 'a.b.c'],
    ['two segments', 'malformed', () => 'a.b'],
    ['four segments', 'malformed', () => 'a.b.c.d'],
    ['six segments', 'malformed', () => `${encrypted()}.a`],
    ['many segments', 'malformed', () => '.'.repeat(1_000)],
    ['more than the limit', 'too_large', () => encrypted({}, 'x'.repeat(6_000))],
    ['a header that is no JSON', 'malformed', () => encryptCompact('a', recipient, { rawHeader: '{' })],
    ['a header that is no object', 'malformed', () => encryptCompact('a', recipient, { rawHeader: '[]' })],
    [
      'a header member twice',
      'malformed',
      () => {
        const text = JSON.stringify(headerOf(encrypted()));
        return encryptCompact('a', recipient, { rawHeader: text.replace('{', '{"alg":"ECDH-ES+A256KW",') });
      },
    ],
    ['padding', 'malformed', () => withSegment(3, (text) => `${text}=`, encrypted({}, 'ab.c'))],
    ['another spelling of the tag', 'malformed', () => withSegment(4, respelled)],
    ['white space', 'malformed', () => withSegment(3, (text) => `${text.slice(0, 2)} ${text.slice(2)}`)],
    ['no encrypted key', 'malformed', () => withSegment(1, () => '')],
    ['a short iv', 'malformed', () => withSegment(2, () => segment(Buffer.alloc(8)))],
    ['a long iv', 'malformed', () => withSegment(2, () => segment(Buffer.alloc(16)))],
    ['a cut tag', 'malformed', () => withSegment(4, (text) => text.slice(0, 16))],
    ['no tag', 'malformed', () => withSegment(4, () => '')],

    ['zip', 'unsupported_header', () => encrypted({ zip: 'DEF' })],
    ['crit', 'unsupported_header', () => encrypted({ crit: ['exp'], exp: 1 })],
    ['crit of nothing', 'unsupported_header', () => encrypted({ crit: [] })],
    ['p2c', 'unsupported_header', () => encrypted({ p2c: 1_000_000_000, p2s: 'AAAA' })],
    ['b64', 'unsupported_header', () => encrypted({ b64: false })],
    ['apu', 'unsupported_header', () => encrypted({ apu: 'QWxpY2U' })],
    ['jwk', 'unsupported_header', () => encrypted({ jwk: stranger.publicJwk })],
    ['jku', 'unsupported_header', () => encrypted({ jku: 'https://thief.test' })],
    ['a header that nobody defines', 'unsupported_header', () => encrypted({ x: 1 })],
    ['no kid', 'unsupported_header', () => encrypted({ kid: undefined })],
    ['no epk', 'unsupported_header', () => encrypted({ epk: undefined })],

    ['no cty', 'wrong_typ', () => encrypted({ cty: undefined })],
    ['another cty', 'wrong_typ', () => encrypted({ cty: 'json' })],
    ['a cty that is a list', 'wrong_typ', () => encrypted({ cty: ['JWT'] })],
    ...[
      undefined,
      'ECDH-ES',
      'ECDH-ES+A128KW',
      'A256KW',
      'dir',
      'RSA-OAEP-256',
      'RSA1_5',
      'none',
      'ES256',
    ].map((alg): [string, TrustErrorCode, () => string] => [
      `alg ${alg}`,
      'alg_mismatch',
      () => encrypted({ alg }),
    ]),
    ['PBES2', 'alg_mismatch', () => encrypted({ alg: 'PBES2-HS512+A256KW', p2c: 1e9, p2s: 'AAAA' })],
    ['alg in small letters', 'alg_mismatch', () => encrypted({ alg: 'ecdh-es+a256kw' })],
    ['an alg that is a list', 'alg_mismatch', () => encrypted({ alg: ['ECDH-ES+A256KW'] })],
    ...[undefined, 'A128GCM', 'A192GCM', 'A256CBC-HS512', 'a256gcm'].map(
      (enc): [string, TrustErrorCode, () => string] => [
        `enc ${enc}`,
        'alg_mismatch',
        () => encrypted({ enc }),
      ],
    ),

    ['for another key', 'undecryptable', () => encryptCompact('a', stranger)],
    [
      'for another key, under our kid',
      'undecryptable',
      () => encryptCompact('a', { ...stranger, kid: recipient.kid }),
    ],
    ['for our key, under another kid', 'undecryptable', () => encrypted({ kid: stranger.kid })],
    ['a kid that is a list', 'undecryptable', () => encrypted({ kid: [recipient.kid] })],
    ['an epk on another curve', 'undecryptable', () => encryptCompact('a', { ...p384, kid: recipient.kid })],
    ['an epk of another sender', 'undecryptable', () => encrypted({ epk: stranger.publicJwk })],
    ['an epk that is not on the curve', 'undecryptable', () => offCurve()],
    [
      'the epk of infinity',
      'undecryptable',
      () => encrypted({ epk: { ...epkOf(encrypted()), x: '', y: '' } }),
    ],
    ['an epk with a private half', 'undecryptable', () => encrypted({ epk: stranger.privateJwk })],
    ['an epk that is text', 'undecryptable', () => encrypted({ epk: 'x' })],
    ['an epk that is null', 'undecryptable', () => encrypted({ epk: null })],
    [
      'a header with its members in another order',
      'undecryptable',
      () => withSegment(0, (text) => segment(reordered(parsed(text)))),
    ],
    ['a changed encrypted key', 'undecryptable', () => withSegment(1, flipped)],
    ['a changed iv', 'undecryptable', () => withSegment(2, flipped)],
    ['a changed ciphertext', 'undecryptable', () => withSegment(3, flipped)],
    ['a changed tag', 'undecryptable', () => withSegment(4, flipped)],
    [
      'the ciphertext of another token',
      'undecryptable',
      () => withSegment(3, () => encrypted().split('.')[3]!),
    ],
  ])('%s is %s', async (_what, code, make) => {
    expect(await outcomeOf(make())).toBe(code);
  });

  function offCurve(): string {
    const epk = epkOf(encrypted());
    return encrypted({ epk: { ...epk, y: flipped(epk['y'] as string, 31) } });
  }
});

test.each<[string, () => string]>([
  ['has another member', () => encryptCompact('a', recipient, { epkMembers: { use: 'enc' } })],
  ['is on another curve', () => encryptCompact('a', { ...createTestRecipient('P-384'), kid: recipient.kid })],
])('an epk that %s is refused before any cryptography', async (_what, make) => {
  await expect(decrypt(make())).rejects.toThrow('epk is not a public P-256 key');
});

test('no refusal tells a part of the token', async () => {
  const token = withSegment(3, flipped, encrypted({}, 'a.secret.c'));
  const error = await decrypt(token).catch((reason: unknown) => reason as TrustError);
  expect(error).toMatchObject({ code: 'undecryptable', message: 'it does not decrypt with this key' });
});

test('a byte outside of ASCII does not become another character', async () => {
  expect(await outcomeOf(encryptCompact(Buffer.from([0x61, 0xc3, 0xa4, 0xff]), recipient))).toBe('aÃ¤ÿ');
});

const parsed = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Json;

const reordered = (object: Json) => Object.fromEntries(Object.entries(object).reverse());

/** The same bytes with other unused bits in the last character. */
function respelled(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) ^ 1]!;
}

// Wycheproof. It is not in this repository. The spec looks for it in `../shared/vectors` beside it.
const VECTORS = new URL(
  '../../../../shared/vectors/wycheproof/json_web_encryption_test.json',
  import.meta.url,
);

if (!existsSync(VECTORS)) {
  test('NOT RUN: the published vectors are not there (../shared/vectors beside the repository)', () => {
    console.warn(`The published vectors were not tried: there is no ${VECTORS.pathname}`);
  });
} else {
  const { testGroups } = JSON.parse(readFileSync(VECTORS, 'utf8')) as {
    testGroups: { private: Json; tests: { tcId: number; jwe: string }[] }[];
  };
  const vectors = testGroups.flatMap(({ private: jwk, tests }) => tests.map((each) => ({ ...each, jwk })));

  test('none of the 139 vectors is a token: all but one have another alg or enc, and that one has no cty', async () => {
    const byCode: Record<string, number[]> = {};
    for (const { tcId, jwe, jwk } of vectors)
      (byCode[await outcomeOf(jwe, decryptionFor(jwk))] ??= []).push(tcId);
    const { wrong_typ: ourAlgorithms, malformed, alg_mismatch: others, ...rest } = byCode;
    expect(rest).toEqual({});
    expect(ourAlgorithms).toEqual([66]);
    expect((malformed ?? []).length + (others ?? []).length).toBe(138);
  });

  test('the point of vector 51, which is not on the curve, is refused under our header too', async () => {
    const { jwe } = vectors.find(({ tcId }) => tcId === 51)!;
    expect(await outcomeOf(encrypted({ epk: epkOf(jwe) }))).toBe('undecryptable');
  });

  /** With the key of the vector where a service could have it. */
  function decryptionFor({ kty, crv, x, y, d }: Json) {
    const isUsable = kty === 'EC' && crv === 'P-256';
    const key = isUsable ? { kty, crv, x, y, d } : recipient.privateJwk;
    return createDecryptToken(readDecryptionKey(key), { maxBytes: 8_192 });
  }
}
