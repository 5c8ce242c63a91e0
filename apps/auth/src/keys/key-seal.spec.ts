import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { KeySeal, type Sealed } from './key-seal.js';

const kek = () => randomBytes(32).toString('base64');
const [ours, older, foreign] = [kek(), kek(), kek()];
const seal = new KeySeal([ours]);

function sealedKey(kid = 'kid-1', by = seal) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const facts = { kid, alg: 'ES256', publicJwk: { ...publicKey.export({ format: 'jwk' }), kid } };
  return { privateKey, sealed: { ...facts, seal: by.seal(facts, privateKey) } };
}

const derOf = (key: KeyObject | null) => key?.export({ type: 'pkcs8', format: 'der' });

/** The seal with one bit of its bytes turned. */
function flipped(text: string, at: number): string {
  const [id, body] = text.split('.') as [string, string];
  const bytes = Buffer.from(body, 'base64url');
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  return `${id}.${bytes.toString('base64url')}`;
}

describe('KeySeal', () => {
  it('gives back the private key that it sealed', () => {
    const { privateKey, sealed } = sealedKey();
    expect(derOf(seal.open(sealed))).toEqual(derOf(privateKey));
  });

  it('gives null for a key whose private half is destroyed', () => {
    const { sealed } = sealedKey();
    expect(seal.open({ ...sealed, seal: seal.seal(sealed, null) })).toBeNull();
  });

  it('says whether it holds a private half, and opens for that like for the key', () => {
    const { sealed } = sealedKey();
    expect(seal.holdsPrivateHalf(sealed)).toBe(true);
    expect(seal.holdsPrivateHalf({ ...sealed, seal: seal.seal(sealed, null) })).toBe(false);
    expect(() => seal.holdsPrivateHalf({ ...sealed, kid: 'kid-2' })).toThrow(/does not open/);
  });

  it('shows nothing of the key, and never the same seal twice', () => {
    const { privateKey, sealed } = sealedKey();
    const { d } = privateKey.export({ format: 'jwk' });
    const bytes = Buffer.from(sealed.seal.split('.')[1]!, 'base64url');
    expect(bytes.includes(Buffer.from(d!, 'base64url'))).toBe(false);
    expect(seal.seal(sealed, privateKey)).not.toBe(sealed.seal);
  });

  it('does not mind the order in which the database gives the members of the JWK', () => {
    const { privateKey, sealed } = sealedKey();
    const publicJwk = Object.fromEntries(Object.entries(sealed.publicJwk).reverse());
    expect(Object.keys(publicJwk)).not.toEqual(Object.keys(sealed.publicJwk));
    expect(derOf(seal.open({ ...sealed, publicJwk }))).toEqual(derOf(privateKey));
  });

  it.each<[string, (sealed: Sealed) => Partial<Sealed>]>([
    ['another kid', () => ({ kid: 'kid-2' })],
    ['another alg', () => ({ alg: 'ES384' })],
    ['another public key', () => ({ publicJwk: sealedKey().sealed.publicJwk })],
    ['a member of the JWK edited', ({ publicJwk }) => ({ publicJwk: { ...publicJwk, use: 'enc' } })],
    ['a member added to the JWK', ({ publicJwk }) => ({ publicJwk: { ...publicJwk, d: 'x' } })],
    ['a member gone from the JWK', ({ publicJwk: { y: _, ...publicJwk } }) => ({ publicJwk })],
    ['the seal of another row', () => ({ seal: sealedKey('kid-2').sealed.seal })],
    ['the empty seal of another row', () => ({ seal: seal.seal(sealedKey('kid-2').sealed, null) })],
    ['a bit of the nonce turned', (sealed) => ({ seal: flipped(sealed.seal, 0) })],
    ['a bit of the key turned', (sealed) => ({ seal: flipped(sealed.seal, 20) })],
    ['a bit of the tag turned', (sealed) => ({ seal: flipped(sealed.seal, -1) })],
    ['the last byte cut off', ({ seal: text }) => ({ seal: text.slice(0, -2) })],
    ['all but nonce and tag cut out', ({ seal: text }) => ({ seal: text.slice(0, 12 + 38) })],
  ])('does not open with %s', (_name, change) => {
    const { sealed } = sealedKey();
    expect(() => seal.open({ ...sealed, ...change(sealed) })).toThrow('the seal of key kid-');
  });

  it.each([
    ['nothing', ''],
    ['no key-encryption key named', '.AAAA'],
    ['a prototype member', '__proto__.AAAA'],
    ['not base64url', 'x.!!!'],
  ])('refuses a seal that is %s', (_name, text) => {
    expect(() => seal.open({ ...sealedKey().sealed, seal: text })).toThrow('unknown key-encryption key');
  });

  it('is too short when a known key-encryption key is all that it names', () => {
    const { sealed } = sealedKey();
    const id = sealed.seal.split('.')[0]!;
    for (const text of [id, `${id}.`, `${id}.${'A'.repeat(36)}`]) {
      expect(() => seal.open({ ...sealed, seal: text })).toThrow('too short');
    }
  });

  it('opens under any of its key-encryption keys and seals under the first', () => {
    const { privateKey, sealed } = sealedKey('kid-1', new KeySeal([older]));
    const both = new KeySeal([ours, older]);
    expect(derOf(both.open(sealed))).toEqual(derOf(privateKey));
    expect(both.isCurrent(sealed.seal)).toBe(false);
    const renewed = both.seal(sealed, privateKey);
    expect(both.isCurrent(renewed)).toBe(true);
    expect(derOf(seal.open({ ...sealed, seal: renewed }))).toEqual(derOf(privateKey));
  });

  it('does not open under another key-encryption key, even where the seal names that one', () => {
    const { sealed } = sealedKey();
    const other = new KeySeal([foreign]);
    expect(() => other.open(sealed)).toThrow('unknown key-encryption key');
    const theirs = other.seal(sealed, null).split('.')[0]!;
    const renamed = `${theirs}.${sealed.seal.split('.')[1]!}`;
    expect(() => other.open({ ...sealed, seal: renamed })).toThrow('does not open');
  });

  it('takes no key-encryption key that is not 32 bytes, and does not repeat it', () => {
    const short = randomBytes(31).toString('base64');
    expect(() => new KeySeal([ours, short])).toThrow(/^a key-encryption key must be 32 bytes in base64$/);
  });
});
