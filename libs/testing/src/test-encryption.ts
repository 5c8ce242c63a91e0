/**
 * Encrypts tokens for specs, right or wrong. It uses only node:crypto, so that specs do not check jose with jose.
 */
import {
  createCipheriv,
  createHash,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

type Json = Record<string, unknown>;
type Members = Readonly<Record<'crv' | 'kty' | 'x' | 'y', string>>;

/** A key pair of an audience. `kid` is the RFC 7638 thumbprint. */
export interface TestRecipient {
  readonly kid: string;
  readonly publicJwk: Members;
  readonly privateJwk: Members & { readonly d: string };
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Makes the key pair of an audience. */
export function createTestRecipient(namedCurve = 'P-256'): TestRecipient {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  const { kty, crv, x, y, d } = privateKey.export({ format: 'jwk' }) as Record<keyof Members | 'd', string>;
  const publicJwk = { crv, kty, x, y };
  const kid = createHash('sha256').update(JSON.stringify(publicJwk)).digest('base64url');
  return { kid, publicJwk, privateJwk: { ...publicJwk, d }, publicKey, privateKey };
}

/** How a JWE differs from the usual one. */
interface Encryption {
  /** Header members that replace the usual ones. `undefined` removes one. */
  readonly header?: Json;
  /** Members that `epk` has beside the usual ones. */
  readonly epkMembers?: Json;
  /** Text that stands in place of the header, and that the encryption covers. */
  readonly rawHeader?: string;
}

/** Encrypts `content` with ECDH-ES+A256KW and A256GCM (RFC 7518 §4.6, §5.3), whatever the header says. */
export function encryptCompact(
  content: string | Buffer,
  { kid, publicKey }: Pick<TestRecipient, 'kid' | 'publicKey'>,
  { header, epkMembers, rawHeader }: Encryption = {},
): string {
  const { namedCurve } = publicKey.asymmetricKeyDetails!;
  const ephemeral = generateKeyPairSync('ec', { namedCurve: namedCurve! });
  const { kty, crv, x, y } = ephemeral.publicKey.export({ format: 'jwk' });
  const usual = {
    alg: 'ECDH-ES+A256KW',
    enc: 'A256GCM',
    cty: 'JWT',
    kid,
    epk: { kty, crv, x, y, ...epkMembers },
  };
  const head = Buffer.from(rawHeader ?? JSON.stringify({ ...usual, ...header })).toString('base64url');

  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey });
  const [contentKey, iv] = [randomBytes(32), randomBytes(12)];
  const wrap = createCipheriv('id-aes256-wrap', concatKdf(shared, 'ECDH-ES+A256KW'), Buffer.alloc(8, 0xa6));
  const wrapped = Buffer.concat([wrap.update(contentKey), wrap.final()]);
  const cipher = createCipheriv('aes-256-gcm', contentKey, iv);
  cipher.setAAD(Buffer.from(head));
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final()]);
  const rest = [wrapped, iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url'));
  return [head, ...rest].join('.');
}

/** RFC 7518 §4.6.2, for one block of SHA-256, with neither `apu` nor `apv`. */
function concatKdf(shared: Buffer, alg: string): Buffer {
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const parts = [number(1), shared, number(alg.length), Buffer.from(alg), number(0), number(0), number(256)];
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}
