/**
 * Seals the private halves of signing keys for the database: AES-256-GCM under a key-encryption key. The associated
 * data binds a seal to kid, algorithm, purpose and public key. So a seal does not open in another row. Nobody can make
 * a seal without the key-encryption key. auth never publishes a key whose seal does not open.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import type { JsonObject } from '#jws';

const CIPHER = 'aes-256-gcm';
const PURPOSE = 'access-token';

/** A seal, and the facts that it is bound to. */
export interface Sealed {
  readonly kid: string;
  readonly alg: string;
  readonly publicJwk: JsonObject;
  readonly seal: string;
}

export class KeySeal {
  private readonly keks: ReadonlyMap<string, Buffer>;
  private readonly sealingKek: string;

  /**
   * @param keks the key-encryption keys: 32 random bytes in base64 each. The first one seals. All of them open seals
   * @throws Error if one of them is not 32 bytes
   */
  constructor(keks: readonly string[]) {
    const entries = keks.map((text) => {
      const kek = Buffer.from(text, 'base64');
      if (kek.length !== 32) throw new Error('a key-encryption key must be 32 bytes in base64');
      return [createHash('sha256').update(kek).digest('base64url').slice(0, 11), kek] as const;
    });
    this.keks = new Map(entries);
    this.sealingKek = entries[0]![0];
  }

  /** Seals a private key. `null` makes the seal of a key whose private half is destroyed. */
  seal(facts: Omit<Sealed, 'seal'>, privateKey: KeyObject | null): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv(CIPHER, this.keks.get(this.sealingKek)!, iv);
    cipher.setAAD(associatedData(facts));
    const plain = privateKey?.export({ type: 'pkcs8', format: 'der' }) ?? Buffer.alloc(0);
    const sealed = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    plain.fill(0);
    return `${this.sealingKek}.${sealed.toString('base64url')}`;
  }

  /**
   * Opens a seal. Returns the private key, or null if the private half was destroyed.
   *
   * @throws Error if the seal does not belong to these facts, or no key-encryption key opens it
   */
  open(sealed: Sealed): KeyObject | null {
    return this.decrypt(sealed, (plain) =>
      plain.length === 0 ? null : createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' }),
    );
  }

  /**
   * Whether a seal holds a private half. It does not read the private half: that would cost ten times as much.
   *
   * @throws Error like {@link open}
   */
  holdsPrivateHalf(sealed: Sealed): boolean {
    return this.decrypt(sealed, (plain) => plain.length > 0);
  }

  private decrypt<T>(sealed: Sealed, use: (plain: Buffer) => T): T {
    const [id, text = ''] = sealed.seal.split('.');
    const kek = this.keks.get(id ?? '');
    if (!kek) throw new Error(`the seal of key ${sealed.kid} is under an unknown key-encryption key`);
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length < 28) throw new Error(`the seal of key ${sealed.kid} is too short`);
    const decipher = createDecipheriv(CIPHER, kek, bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(associatedData(sealed));
    decipher.setAuthTag(bytes.subarray(-16));
    const plain = decipher.update(bytes.subarray(12, -16));
    try {
      decipher.final();
      return use(plain);
    } catch (cause) {
      throw new Error(`the seal of key ${sealed.kid} does not open`, { cause });
    } finally {
      plain.fill(0);
    }
  }

  /** Whether a seal was made under the first key-encryption key, which seals now. */
  isCurrent(seal: string): boolean {
    return seal.startsWith(`${this.sealingKek}.`);
  }
}

function associatedData({ kid, alg, publicJwk }: Omit<Sealed, 'seal'>): Buffer {
  // jsonb does not keep the order of members, so they are sorted.
  const jwk = Object.entries(publicJwk).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify([PURPOSE, kid, alg, jwk]));
}
