import { randomUUID, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import type { EntityManager } from 'typeorm';
import { accountSinceClaim, MAX_CLOCK_SKEW_SECONDS, type Actor } from '#trust';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { KeySeal } from '../keys/key-seal.js';
import { EpochGuard } from '../key-set/epoch-guard.js';
import type { SigningKey } from '../keys/signing-key.entity.js';
import type { SharedSigning } from '../key-set/signing-lock.js';
import { encryptToken } from './token-encryption.js';

/** The claims of a token without those that the signer adds: iss, iat, exp, jti. */
export interface TokenClaims {
  readonly sub: string;
  readonly aud: string;
  readonly client_id: string;
  readonly scope: string;
  readonly sid?: string;
  readonly roles?: readonly string[];
  /** When the account was made. The claim has a name of the issuer, in whole seconds. */
  readonly accountSince?: Date;
  /** The jti of the first token, in a token that was exchanged. */
  readonly txn?: string;
  /** Who acts for the subject, in a token that was exchanged. */
  readonly act?: Actor;
}

type SigningHalf = Pick<SigningKey, 'kid' | 'alg' | 'publicJwk' | 'seal'>;

/** The key that signs now. It stays active until its transaction ends. */
export interface ActiveKey {
  readonly key: SigningHalf;
  /** The time of the database. */
  readonly now: Date;
  /** When the wait for the signing lock began, by `performance.now()`. */
  readonly begunAt: number;
}

export interface SigningOptions {
  /** The latest `exp`, as a NumericDate. Default: the end of the usual life. */
  readonly notAfter?: number;
}

export interface SignedToken {
  /** Encrypted, if its audience has an encryption key. */
  readonly token: string;
  /** The life of the token, in seconds. Not positive if `notAfter` has passed: then the token is good nowhere. */
  readonly expiresIn: number;
  /** The time at which it has expired at every verifier: `exp` plus twice the tolerated skew. */
  readonly expiredAt: Date;
}

/** Signs access tokens (RFC 9068), and encrypts them for the audiences of `encryptFor`. Only this class does. */
@Injectable()
export class AccessTokenSigner {
  /** Opened private keys by kid. To open a seal for each token would cost more than the signature. */
  private readonly opened = new Map<string, KeyObject>();
  private readonly listeners: ((seconds: number) => void)[] = [];

  constructor(
    private readonly jwt: JwtService,
    private readonly keySeal: KeySeal,
    private readonly guard: EpochGuard,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /** Calls `listener` after each token with the time that it took, in seconds. */
  onSigned(listener: (seconds: number) => void): void {
    this.listeners.push(listener);
  }

  /**
   * Finds the active key. The signing lock and the lock of the row keep it active until the transaction ends.
   *
   * @throws AuthError `no_signing_key` · `database_went_back`
   */
  async activeKey({ tx, begunAt }: SharedSigning): Promise<ActiveKey> {
    const [key, { now }] = await Promise.all([lockActiveKey(tx), this.guard.refuseOldDatabase(tx)]);
    return { key, now, begunAt };
  }

  /**
   * Signs a token, within the transaction that found the key. `iat` is the time of the database. So no token is signed after
   * its key has become retiring or revoked.
   *
   * @throws AuthError `no_signing_key` if the private half cannot be used
   */
  async sign(
    { key, now: time, begunAt }: ActiveKey,
    { accountSince, ...claims }: TokenClaims,
    { notAfter = Infinity }: SigningOptions = {},
  ): Promise<SignedToken> {
    const now = Math.floor(time.getTime() / 1000);
    const { issuer, accessTokenSeconds, encryptFor } = this.settings;
    const exp = Math.min(now + accessTokenSeconds, notAfter);
    const since = accountSince && { [accountSinceClaim(issuer)]: Math.floor(accountSince.getTime() / 1000) };
    const payload = { iss: issuer, ...claims, ...since, iat: now, exp, jti: randomUUID() };
    // As bytes: jsonwebtoken checks and copies an object first.
    const signed = this.jwt.sign(Buffer.from(JSON.stringify(payload)), {
      algorithm: key.alg,
      header: { typ: 'at+jwt', alg: key.alg, kid: key.kid },
      // The types of @nestjs/jwt allow PEM text only, but jsonwebtoken also takes a key object.
      privateKey: this.privateKeyOf(key) as unknown as Buffer,
    });
    const seconds = (performance.now() - begunAt) / 1000;
    for (const listener of this.listeners) listener(seconds);
    const expiredAt = new Date((exp + 2 * MAX_CLOCK_SKEW_SECONDS) * 1000);
    const recipient = encryptFor?.get(claims.aud);
    const token = recipient ? await encryptToken(signed, recipient) : signed;
    return { token, expiresIn: exp - now, expiredAt };
  }

  private privateKeyOf(key: SigningHalf): KeyObject {
    const held = this.opened.get(key.kid);
    if (held) return held;
    const opened = this.open(key);
    // One key at most is active, so the others are forgotten.
    this.opened.clear();
    this.opened.set(key.kid, opened);
    return opened;
  }

  /**
   * Opens the seal. It does not open if somebody else wrote the row, or if this replica lacks the key-encryption key.
   */
  private open(key: SigningHalf): KeyObject {
    try {
      const opened = this.keySeal.open(key);
      if (opened) return opened;
      throw new Error(`the active key ${key.kid} has no private half`);
    } catch (cause) {
      throw new AuthError('no_signing_key', { cause, retryAfterSeconds: 1 });
    }
  }
}

/** Under the shared signing lock no transaction changes the active key, so this finds the key that signs. */
async function lockActiveKey(tx: EntityManager): Promise<SigningHalf> {
  const [key] = await tx.query<SigningHalf[]>(
    `SELECT kid, alg, public_jwk AS "publicJwk", seal FROM signing_key WHERE status = 'active' FOR SHARE`,
  );
  if (!key) throw new AuthError('no_signing_key', { retryAfterSeconds: 1 });
  return key;
}
