import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { fakeClock } from '#testing';
import { databaseCheck } from './database-check.js';

/** A pool of two connections. A statement may take 6 s. */
class Pool extends EventEmitter {
  readonly options = { max: 2, query_timeout: 6_000 };
  totalCount = 2;
  idleCount = 0;

  giveBack(client: { silent: boolean }, error?: Error): void {
    this.emit('release', error, client);
  }
}

describe('the check of the database', () => {
  const clock = fakeClock();
  const inOrder = { silent: false };
  let pool: Pool;
  let source: { isInitialized: boolean; query: () => Promise<unknown>; driver: { master: Pool } };
  const checkOf = () => databaseCheck(source as unknown as DataSource, clock.now);

  beforeEach(() => {
    pool = new Pool();
    source = { isInitialized: true, query: () => Promise.resolve([]), driver: { master: pool } };
  });

  it('is up only while a query is answered', async () => {
    expect(await checkOf().check()).toEqual({ status: 'up' });
    source.query = () => Promise.reject(new Error('gone'));
    await expect(checkOf().check()).rejects.toThrow('gone');
    source.isInitialized = false;
    expect(await checkOf().check()).toEqual({ status: 'down' });
  });

  it('asks nothing of a pool that is busy, and is degraded while connections are given back in order', async () => {
    const check = checkOf();
    await check.check();
    source.query = () => Promise.reject(new Error('timeout exceeded when trying to connect'));
    pool.giveBack(inOrder);
    clock.advance(6_000);
    expect(await check.check()).toEqual({ status: 'degraded', reason: 'busy' });
    clock.advance(1);
    await expect(check.check()).rejects.toThrow('timeout exceeded');
  });

  it('takes a broken connection, or one without an answer, for no sign of the database', async () => {
    const check = checkOf();
    await check.check();
    source.query = () => Promise.reject(new Error('gone'));
    pool.giveBack(inOrder, new Error('broken'));
    pool.giveBack({ silent: true });
    await expect(check.check()).rejects.toThrow('gone');
  });

  it('asks when a connection is free, or one can be made', async () => {
    const check = checkOf();
    await check.check();
    pool.giveBack(inOrder);
    pool.idleCount = 1;
    expect(await check.check()).toEqual({ status: 'up' });
    pool.idleCount = 0;
    pool.totalCount = 1;
    expect(await check.check()).toEqual({ status: 'up' });
  });
});
