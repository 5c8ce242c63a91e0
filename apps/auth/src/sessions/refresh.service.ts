import { Inject, Injectable } from '@nestjs/common';
import pLimit from 'p-limit';
import { DataSource, IsNull, type EntityManager } from 'typeorm';
import { securityEvent } from '#service-kit';
import { charge, rateLimit } from '../accounts/rate-limit.js';
import { SETTINGS, type AuthSettings } from '../config.js';
import { AuthError } from '../errors.js';
import { databaseClock } from '../key-set/key-set.service.js';
import { RevocationsService } from '../revocations/revocations.service.js';
import { Grants, type Grant, type Origin } from './grants.js';
import { endSessions, lockAccount } from './live-sessions.js';
import { decideRefresh, MAX_WAIT_MS } from './refresh-decision.js';
import { RefreshFamily } from './refresh-family.entity.js';
import { hashesOf, type RefreshTokenHashes } from './refresh-token.js';

const LIMIT_WINDOW_SECONDS = 60;
/** Fewer than a process has connections to the database. */
const AT_ONCE = 4;
const MAX_WAITING = 200;

export interface Refresh {
  readonly refreshToken: string;
  readonly audience?: string | undefined;
}

/**
 * Exchanges a refresh token for an access token and the next refresh token (RFC 6749 §6, RFC 9700 §4.14). Each refresh
 * token is used once. If somebody presents one that was used longer ago than the grace, the session ends: a thief may hold
 * its tokens, and auth cannot tell the thief from the owner.
 */
@Injectable()
export class RefreshService {
  /** The others wait here. In the database each would hold a connection while it waits for the lock of its account. */
  private readonly turns = pLimit(AT_ONCE);
  private readonly limiter;

  constructor(
    private readonly dataSource: DataSource,
    private readonly grants: Grants,
    private readonly revocations: RevocationsService,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {
    const points = settings.refreshesPerAddress;
    this.limiter = rateLimit(dataSource, { name: 'refresh', points, windowSeconds: LIMIT_WINDOW_SECONDS });
  }

  /**
   * @throws AuthError `too_many_refreshes` · `invalid_grant` · `refresh_superseded` · `invalid_target` ·
   *   `no_signing_key` · `database_went_back`. Only `invalid_grant` may have changed something: it may have ended the
   *   session.
   */
  async refresh({ refreshToken, audience }: Refresh, origin: Origin): Promise<Grant> {
    const arrived = performance.now();
    const known = await this.accountOf(refreshToken, origin);
    if (!known) throw new AuthError('invalid_grant');
    const request = { ...known, refreshToken, audience, origin, arrived };
    return this.inTurn(() => this.refreshInTurn(request));
  }

  /**
   * Ends the session of a refresh token, if it is live. A used token will do: presenting it as a refresh would end the
   * session, too.
   *
   * @throws AuthError `too_many_refreshes` · `database_went_back`
   */
  async logOut(refreshToken: string, origin: Origin): Promise<void> {
    const known = await this.accountOf(refreshToken, origin);
    if (!known) return;
    const { accountId, tagHash } = known;
    const ended = await this.inTurn(() =>
      this.revocations.transaction(async (tx, revoke) => {
        await lockAccount(tx, accountId);
        const family = await familyWithTag(tx, tagHash);
        return family ? endSessions(tx, revoke, accountId, { only: [family.sessionId] }) : [];
      }),
    );
    for (const session of ended) securityEvent('logout', { account: accountId, session });
  }

  /** The account of a refresh token. Undefined if the token is malformed or unknown, or its session has ended. */
  private async accountOf(refreshToken: string, { address }: Origin) {
    await charge(this.limiter, address, 'too_many_refreshes');
    const hashes = hashesOf(refreshToken);
    const accountId = hashes && (await accountWithTag(this.dataSource.manager, hashes.tagHash));
    return accountId === undefined ? undefined : { ...hashes!, accountId };
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.turns.pendingCount < MAX_WAITING) return this.turns(work);
    throw new AuthError('too_many_refreshes', { retryAfterSeconds: 1 });
  }

  private async refreshInTurn({ accountId, origin, arrived, ...request }: RefreshRequest): Promise<Grant> {
    const { tagHash, tokenHash, refreshToken, audience } = request;
    const { grant, sid, reused } = await this.revocations.transaction(async (tx, revoke) => {
      const account = await lockAccount(tx, accountId);
      // Read under the lock: another request may have used the token, or ended the session, or renewed its sid.
      const family = await familyWithTag(tx, tagHash);
      if (!account || !family) throw new AuthError('invalid_grant');
      const now = await databaseClock(tx);
      const { sessionId: sid } = family;
      const { refreshGraceSeconds: graceSeconds } = this.settings;
      const waitedMs = performance.now() - arrived;
      if (waitedMs > MAX_WAIT_MS) throw new AuthError('too_many_refreshes', { retryAfterSeconds: 1 });
      const arrivedAt = new Date(now.getTime() - waitedMs);
      const decision = decideRefresh(tokenHash, family, { arrivedAt, graceSeconds });
      // Returned, not thrown: an exception would undo the end of the session.
      if (decision === 'reused')
        return { sid, reused: await endSessions(tx, revoke, accountId, { only: [sid] }) };
      if (account.disabledAt !== null || now >= family.expiresAt) throw new AuthError('invalid_grant');
      if (decision === 'superseded') throw new AuthError('refresh_superseded');
      const use = { token: refreshToken, family, audience: audience ?? family.audience, origin, now };
      return {
        sid,
        grant: await this.grants.refresh(tx, account, use, { isRepeated: decision === 'repeat' }),
      };
    });
    if (grant) {
      securityEvent('session.refreshed', { account: accountId, session: sid });
      return grant;
    }
    for (const session of reused)
      securityEvent('session.ended', { account: accountId, session, reason: 'refresh_token_reused' });
    throw new AuthError('invalid_grant');
  }
}

interface RefreshRequest extends Refresh, RefreshTokenHashes {
  readonly accountId: string;
  readonly origin: Origin;
  /** In ms of the monotonic clock of this process. */
  readonly arrived: number;
}

/**
 * The account whose session has refresh tokens with this tag. Undefined if there is none, or the session has ended. One
 * statement, because the sid may be renewed at any time.
 */
async function accountWithTag(manager: EntityManager, tagHash: string): Promise<string | undefined> {
  const [found] = await manager.query<{ id: string }[]>(
    `SELECT account_id AS id FROM refresh_family JOIN session ON session.id = session_id
      WHERE tag_hash = $1 AND ended_at IS NULL`,
    [tagHash],
  );
  return found?.id;
}

/** The refresh tokens with this tag, with their session. Undefined if there are none, or the session has ended. */
async function familyWithTag(manager: EntityManager, tagHash: string): Promise<RefreshFamily | undefined> {
  const where = { tagHash, session: { endedAt: IsNull() } };
  // Not findOne: with a relation, it asks the database twice.
  const [family] = await manager.find(RefreshFamily, { where, relations: { session: true } });
  return family;
}
