/**
 * Makes sure that at most one request with the same Idempotency-Key of a user succeeds, also if requests fail or run at
 * the same time.
 *
 * A request claims its key before it works. It stores its answer under the key in the transaction of its work, and only
 * if it still holds the claim. A claim that is too old passes to the next request, and the first request can then no
 * longer succeed. So the length of a claim is never a risk for correctness. A failed request releases its key.
 */
import { createHash, randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, type EntityManager, type Repository } from 'typeorm';
import { IdempotencyKeyRecord } from './idempotency-key.entity.js';
import { OrdersError } from '../errors.js';
import { claimMs, decide, keptMs, type Decision } from './decide.js';

/** A request and its key. Two requests are the same if their JSON is the same. */
export interface KeyedRequest {
  readonly userId: string;
  readonly key: string | undefined;
  readonly request: unknown;
}

/** Stores the answer within the transaction of the work. */
type Complete<T> = (manager: EntityManager, answer: T) => Promise<void>;

@Injectable()
export class IdempotentRequests {
  private readonly log = new Logger('idempotency');

  constructor(
    @InjectRepository(IdempotencyKeyRecord) private readonly keys: Repository<IdempotencyKeyRecord>,
  ) {}

  /**
   * Runs `work` and returns its answer. If the key has a stored answer, returns that answer instead. `work` must call
   * `complete` as the last step of its transaction. Without a key, `work` just runs.
   * @throws OrdersError `idempotency_key_in_flight` or `idempotency_key_reused`
   */
  async once<T extends object>(
    { userId, key, request }: KeyedRequest,
    work: (complete: Complete<T>) => Promise<T>,
  ): Promise<T> {
    if (key === undefined) return work(async () => undefined);
    const mine = { userId, key, claim: randomUUID() };
    const kept = await this.claim(mine, createHash('sha256').update(JSON.stringify(request)).digest('hex'));
    if (kept) return kept as T;
    try {
      return await work(async (manager, answer) => {
        const { affected } = await manager.update(IdempotencyKeyRecord, mine, { answer });
        if (affected !== 1) throw inFlight();
      });
    } catch (error) {
      await this.release(mine);
      throw error;
    }
  }

  /** Claims the key, or returns the answer that is stored under it. */
  private async claim(
    { userId, key, claim }: { userId: string; key: string; claim: string },
    requestHash: string,
  ): Promise<object | undefined> {
    await this.purge();
    return this.keys.manager.transaction(async (manager) => {
      // On conflict the update changes nothing. It locks the existing row and returns it.
      const [row] = await manager.query<[KeyRow]>(
        `INSERT INTO idempotency_keys AS known (user_id, key, request_hash, claim) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, key) DO UPDATE SET claim = known.claim
         RETURNING claim, request_hash, answer, extract(epoch FROM clock_timestamp() - claimed_at) * 1000 AS age_ms`,
        [userId, key, requestHash, claim],
      );
      if (row.claim === claim) return undefined;
      const known = {
        requestHash: row.request_hash,
        ageMs: Number(row.age_ms),
        answered: row.answer !== null,
      };
      switch (decide(known, requestHash) satisfies Decision) {
        case 'replay':
          return row.answer!;
        case 'in_flight':
          throw inFlight();
        case 'reused':
          throw new OrdersError('idempotency_key_reused');
        case 'claim':
          await manager.update(
            IdempotencyKeyRecord,
            { userId, key },
            { claim, requestHash, answer: null, claimedAt: () => 'clock_timestamp()' },
          );
          return undefined;
      }
    });
  }

  /** Releases the key, unless an answer is stored. The commit may have succeeded although its confirmation was lost. */
  private async release(mine: { userId: string; key: string; claim: string }): Promise<void> {
    try {
      await this.keys.delete({ ...mine, answer: IsNull() });
    } catch (error) {
      this.log.warn(
        `an Idempotency-Key could not be released; it stays claimed for ${claimMs} ms: ${(error as Error).message}`,
      );
    }
  }

  /** Deletes up to 100 old keys. It is one SQL statement that skips locked rows, so that it cannot deadlock. */
  private async purge(): Promise<void> {
    await this.keys.query(
      `DELETE FROM idempotency_keys WHERE (user_id, key) IN (
         SELECT user_id, key FROM idempotency_keys WHERE claimed_at < now() - $1 * interval '1 ms'
         LIMIT 100 FOR UPDATE SKIP LOCKED)`,
      [keptMs],
    );
  }
}

interface KeyRow {
  readonly claim: string;
  readonly request_hash: string;
  readonly answer: object | null;
  readonly age_ms: string;
}

function inFlight(): OrdersError {
  return new OrdersError('idempotency_key_in_flight', { retryAfterSeconds: 1 });
}
