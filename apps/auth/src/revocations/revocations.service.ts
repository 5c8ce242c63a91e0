/**
 * Revokes sessions, tokens and clients by name. A locked counter gives each revocation its number. The signed
 * revocation is committed together with the change that it belongs to. It is published after the commit. If the process
 * crashes in between, the outbox of any replica publishes it.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { revocationPayload, type RevokedSubject } from '#statements';
import { MAX_CLOCK_SKEW_SECONDS } from '#trust';
import { SETTINGS, type AuthSettings } from '../config.js';
import { EpochGuard } from '../key-set/epoch-guard.js';
import { StatementSigners } from '../anchor/statement-signer.js';
import { RevocationRecord } from './revocation.entity.js';

/** The longest time that a request waits until its revocations are published. */
const ANNOUNCED_WITHIN_MS = 1_000;

/** Revokes within the transaction. @throws AuthError `database_went_back` */
export type Revoke = (subjects: readonly RevokedSubject[]) => Promise<void>;

/** Publishes committed revocations. Resolves when they are published, or cannot be published now. Never rejects. */
export type Announce = (revocations: readonly RevocationRecord[]) => Promise<void>;

@Injectable()
export class RevocationsService {
  private readonly listeners: Announce[] = [];

  constructor(
    private readonly dataSource: DataSource,
    private readonly guard: EpochGuard,
    private readonly signers: StatementSigners,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /** Calls `listener` after each commit with the new revocations. */
  onCommitted(listener: Announce): void {
    this.listeners.push(listener);
  }

  /**
   * Runs a transaction that may revoke. Its revocations are committed with the rest or not at all. This resolves when
   * they are published, after 1 s at most.
   */
  async transaction<T>(work: (tx: EntityManager, revoke: Revoke) => Promise<T>): Promise<T> {
    const revoked: RevocationRecord[] = [];
    const result = await this.dataSource.transaction((tx) =>
      work(tx, async (subjects) => {
        if (subjects.length > 0) revoked.push(...(await this.issue(tx, subjects)));
      }),
    );
    if (revoked.length > 0) {
      const announced = Promise.all(this.listeners.map((announce) => announce(revoked)));
      await Promise.race([announced, delay(ANNOUNCED_WITHIN_MS, undefined, { ref: false })]);
    }
    return result;
  }

  private async issue(tx: EntityManager, subjects: readonly RevokedSubject[]): Promise<RevocationRecord[]> {
    const [[{ last }]] = await tx.query<[[{ last: number }]]>(
      'UPDATE revocation_counter SET last = last + $1 RETURNING last::float8 AS last',
      [subjects.length],
    );
    // Not beside the counter: during the wait for its lock, NATS may prove that the database went back. And the time is read
    // under the lock, so that a greater number never has an earlier time.
    const { now, anchor } = await this.guard.refuseOldDatabase(tx);
    const first = last - subjects.length + 1;
    const rows = await Promise.all(
      subjects.map((subject, index) => this.sign(subject, { n: first + index, now, anchor })),
    );
    await tx.insert(RevocationRecord, rows);
    return rows;
  }

  private async sign(
    subject: RevokedSubject,
    { n, now, anchor }: { n: number; now: Date; anchor: string | null },
  ): Promise<RevocationRecord> {
    const { issuer, maxTokenSeconds } = this.settings;
    const iat = Math.floor(now.getTime() / 1000);
    const payload = revocationPayload(subject, { issuer, iat, jti: randomUUID(), n });
    const jws = await this.signers.find(anchor).signRevocation(payload);
    // ACCESS_TOKEN_SECONDS may have been longer before. The clock of a verifier may be slow, and it tolerates as much again.
    const lifeMs = (maxTokenSeconds + 2 * MAX_CLOCK_SKEW_SECONDS) * 1000;
    const expiresAt = new Date(now.getTime() + lifeMs);
    return { n, ...subject, jws, createdAt: now, expiresAt, stream: null, sequence: null };
  }
}
