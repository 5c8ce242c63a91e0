import { randomUUID, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import type { EntityManager } from 'typeorm';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { KeySeal } from '../keys/key-seal.js';
import { EpochGuard } from '../key-set/epoch-guard.js';
import { SigningKey } from '../keys/signing-key.entity.js';
import { shareSigning } from '../key-set/signing-lock.js';

const ATTEMPTS = 3;

/** What a token says, but for what the signer adds: iss, iat, exp, jti. */
export interface TokenClaims {
  readonly sub: string;
  readonly aud: string;
  readonly client_id: string;
  readonly scope: string;
  readonly sid?: string;
  readonly roles?: readonly string[];
}

export interface SignedToken {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
  /** When it has expired everywhere: a verifier whose clock is behind accepts it for twice the skew after its `exp`. */
  readonly expiredAt: Date;
}

/** Signs access tokens (RFC 9068): the only code that does. */
@Injectable()
export class AccessTokenSigner {
  /** Opened private keys by kid; a key object per call would cost more than the signature. */
  private readonly opened = new Map<string, KeyObject>();

  constructor(
    private readonly jwt: JwtService,
    private readonly keySeal: KeySeal,
    private readonly guard: EpochGuard,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Signs with the active key, whose row is locked for the rest of the transaction: no rotation or revocation can
   * pass in between, and `iat`, from the database's clock, is never later than the end of the key.
   *
   * @throws AuthError `no_signing_key` · `database_went_back`
   */
  async sign(tx: EntityManager, claims: TokenClaims): Promise<SignedToken> {
    await shareSigning(tx);
    const key = await this.lockActiveKey(tx);
    await this.guard.refuseOldDatabase(tx);
    const [clock] = await tx.query<{ now: number }[]>(
      'SELECT floor(extract(epoch FROM clock_timestamp()))::float8 AS now',
    );
    const { now } = clock!;
    const { issuer, accessTokenSeconds, clockSkewSeconds } = this.settings;
    const exp = now + accessTokenSeconds;
    const payload = { iss: issuer, ...claims, iat: now, exp, jti: randomUUID() };
    const token = this.jwt.sign(payload, {
      algorithm: key.alg,
      header: { typ: 'at+jwt', alg: key.alg, kid: key.kid },
      // @nestjs/jwt's types know of PEM text only; jsonwebtoken takes the key object as it is.
      privateKey: this.privateKeyOf(key) as unknown as Buffer,
    });
    const expiredAt = new Date((exp + 2 * clockSkewSeconds) * 1000);
    return { token, expiresIn: accessTokenSeconds, expiredAt };
  }

  private async lockActiveKey(tx: EntityManager): Promise<SigningKey> {
    // A key that ceased to be active while we waited for its lock is not found, and its successor is only seen by
    // the next statement.
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const key = await tx.findOne(SigningKey, {
        where: { status: 'active' },
        lock: { mode: 'pessimistic_read' },
      });
      if (key) return key;
    }
    throw new AuthError('no_signing_key', { retryAfterSeconds: 1 });
  }

  private privateKeyOf(key: SigningKey): KeyObject {
    const held = this.opened.get(key.kid);
    if (held) return held;
    const opened = this.open(key);
    // One key is active at a time: what was kept of others goes.
    this.opened.clear();
    this.opened.set(key.kid, opened);
    return opened;
  }

  /** Another hand wrote the row, or this replica has another key-encryption key. */
  private open(key: SigningKey): KeyObject {
    try {
      const opened = this.keySeal.open(key);
      if (opened) return opened;
      throw new Error(`the active key ${key.kid} has no private half`);
    } catch (cause) {
      throw new AuthError('no_signing_key', { cause, retryAfterSeconds: 1 });
    }
  }
}
