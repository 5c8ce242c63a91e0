/**
 * What a login and a refresh give: an access token for one audience, and a refresh token to get the next one. The caller
 * must have locked the account.
 */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { IsNull, type EntityManager } from 'typeorm';
import type { Account } from '../accounts/account.entity.js';
import { SCOPE_TABLE, scopesFor, type ScopeTable } from '../accounts/scopes.js';
import { SERVICE, SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { databaseClock } from '../key-set/key-set.service.js';
import { shareSigning } from '../key-set/signing-lock.js';
import { AccessTokenSigner } from '../tokens/access-token-signer.js';
import { remembered } from './refresh-decision.js';
import { RefreshFamily } from './refresh-family.entity.js';
import {
  decryptSuccessor,
  encryptSuccessor,
  hashesOf,
  newRefreshToken,
  successorOf,
} from './refresh-token.js';
import { Session } from './session.entity.js';

/** The `client_id` of every login by password. */
export const WEB_CLIENT = 'web';
/** How many used tokens a family remembers. Only a client that refreshes more often within the grace reaches it. */
const MAX_REMEMBERED = 100;

export interface Grant {
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly scope: string;
  readonly refreshToken: string;
  /** Until when the refresh token is good, in seconds from now. */
  readonly refreshExpiresIn: number;
}

/** A refresh token that is used, and what is asked for with it. */
export interface Use {
  readonly token: string;
  /** The row of its family, with the session. */
  readonly family: RefreshFamily;
  readonly audience: string;
  readonly origin: Origin;
  /** The clock of the database. */
  readonly now: Date;
}

/** Where a session is used from. */
export interface Origin {
  readonly address: string;
  /** The User-Agent field, if there is one. */
  readonly device?: string | undefined;
}

@Injectable()
export class Grants {
  constructor(
    private readonly signer: AccessTokenSigner,
    @Inject(SCOPE_TABLE) private readonly scopes: ScopeTable,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * The scopes of an account for an audience, as the claim `scope`. They are empty only for auth itself, and only for an
   * account whose other tokens are encrypted: auth cannot read those, and its session routes need no scope.
   *
   * @throws AuthError `invalid_target` if the account cannot get a token for this audience
   */
  scopeOf({ roles }: Account, audience: string): string {
    const scopes = scopesFor(this.scopes, roles, audience);
    const encrypted = [...(this.settings.encryptFor?.keys() ?? [])];
    const isForSessions =
      audience === SERVICE && encrypted.some((name) => scopesFor(this.scopes, roles, name).length > 0);
    if (scopes.length > 0 || isForSessions) return scopes.join(' ');
    throw new AuthError('invalid_target', {
      errors: [{ field: 'audience', message: 'This account cannot get a token for this audience' }],
    });
  }

  /** Begins a session. Its refreshes get this audience, unless they name another. */
  async begin(
    tx: EntityManager,
    account: Account,
    audience: string,
    { address, device }: Origin,
  ): Promise<Grant & { sid: string }> {
    const sid = randomUUID();
    const { expiredAt, ...access } = await this.sign(tx, account, { sid, audience });
    const refreshToken = newRefreshToken();
    const createdAt = await databaseClock(tx);
    const expiresAt = this.refreshableUntil(createdAt, createdAt);
    await tx.insert(Session, {
      id: sid,
      accountId: account.id,
      createdAt,
      lastUsedAt: createdAt,
      tokenExpiresAt: expiredAt,
      expiresAt: later(expiredAt, expiresAt),
      address,
      device: device?.slice(0, 200) ?? null,
    });
    const none = { used: [], successor: null };
    await tx.insert(RefreshFamily, {
      sessionId: sid,
      ...hashesOf(refreshToken)!,
      ...none,
      audience,
      expiresAt,
    });
    return { ...access, refreshToken, refreshExpiresIn: secondsUntil(expiresAt, createdAt), sid };
  }

  /**
   * Signs an access token for a refresh, and gives the next refresh token. For a repeated refresh this is the same one as
   * before.
   */
  async refresh(
    tx: EntityManager,
    account: Account,
    use: Use,
    { isRepeated }: { isRepeated: boolean },
  ): Promise<Grant> {
    const { family, token, audience, origin, now } = use;
    const { session, sessionId } = family;
    const { expiredAt, ...access } = await this.sign(tx, account, { sid: sessionId, audience });
    // An earlier token may live longer: ACCESS_TOKEN_SECONDS may have been longer.
    const tokenExpiresAt = later(session.tokenExpiresAt, expiredAt);
    const expiresAt = isRepeated ? family.expiresAt : this.refreshableUntil(now, session.createdAt);
    const { affected } = await tx.update(
      Session,
      { id: sessionId, endedAt: IsNull() },
      {
        lastUsedAt: now,
        tokenExpiresAt,
        expiresAt: later(tokenExpiresAt, expiresAt),
        address: origin.address,
      },
    );
    // A recovery ends sessions without the lock of the account.
    if (affected !== 1) throw new AuthError('invalid_grant');
    const refreshExpiresIn = secondsUntil(expiresAt, now);
    if (isRepeated) {
      return { ...access, refreshToken: decryptSuccessor(family.successor!, token), refreshExpiresIn };
    }
    const refreshToken = successorOf(token);
    const { refreshGraceSeconds: graceSeconds } = this.settings;
    const usedBefore = remembered(family.used, { now, graceSeconds }).slice(0, MAX_REMEMBERED - 1);
    await tx.update(
      RefreshFamily,
      { sessionId },
      {
        tokenHash: hashesOf(refreshToken)!.tokenHash,
        used: [{ hash: family.tokenHash, at: now.getTime() }, ...usedBefore],
        successor: encryptSuccessor(refreshToken, token),
        expiresAt,
      },
    );
    return { ...access, refreshToken, refreshExpiresIn };
  }

  private async sign(
    tx: EntityManager,
    account: Account,
    { sid, audience }: { sid: string; audience: string },
  ) {
    const scope = this.scopeOf(account, audience);
    const { id: sub, roles, createdAt } = account;
    const key = await this.signer.activeKey(await shareSigning(tx));
    const claims = { sub, aud: audience, client_id: WEB_CLIENT, scope, sid, roles, accountSince: createdAt };
    const { token: accessToken, expiresIn, expiredAt } = await this.signer.sign(key, claims);
    return { accessToken, expiresIn, scope, expiredAt };
  }

  /** Until when a refresh token is good if it is given now. */
  private refreshableUntil(now: Date, loggedInAt: Date): Date {
    const { refreshIdleSeconds, refreshAbsoluteSeconds } = this.settings;
    const [idle, absolute] = [+now + refreshIdleSeconds * 1000, +loggedInAt + refreshAbsoluteSeconds * 1000];
    return new Date(Math.min(idle, absolute));
  }
}

const secondsUntil = (end: Date, now: Date): number => Math.floor((+end - +now) / 1000);
const later = (a: Date, b: Date): Date => (a > b ? a : b);
