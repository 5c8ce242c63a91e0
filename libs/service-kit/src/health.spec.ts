import { describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import type { HealthCheck } from './health.js';
import { databaseCheck, HealthService } from './health.js';

const up: HealthCheck = { name: 'database', check: () => ({ status: 'up' }) };
const degraded: HealthCheck = { name: 'nats', check: () => ({ status: 'degraded', since: 5 }) };
const down: HealthCheck = { name: 'statement', check: () => Promise.resolve({ status: 'down' }) };

describe('readiness', () => {
  it.each([
    [[], 'ready'],
    [[up], 'ready'],
    [[up, degraded], 'degraded'],
    [[up, degraded, down], 'not_ready'],
  ])('of %j is %s', async (checks, status) => {
    expect(await new HealthService(checks).report()).toMatchObject({ status });
  });

  it('shows the facts of each check by its name', async () => {
    const { checks } = await new HealthService([up, degraded]).report();
    expect(checks).toEqual({ database: { status: 'up' }, nats: { status: 'degraded', since: 5 } });
  });

  it('takes a check that throws for down, and tells nothing of the reason', async () => {
    const throwing: HealthCheck = { name: 'a', check: () => Promise.reject(new Error('password wrong')) };
    expect(await new HealthService([throwing]).report()).toEqual({
      status: 'not_ready',
      checks: { a: { status: 'down' } },
    });
  });

  it('takes a check that does not answer in its time for down', async () => {
    const hanging: HealthCheck = { name: 'a', timeoutMs: 10, check: () => new Promise(() => undefined) };
    const { status, checks } = await new HealthService([hanging]).report();
    expect({ status, checks }).toEqual({
      status: 'not_ready',
      checks: { a: { status: 'down', reason: 'timeout' } },
    });
  });

  it('ends when the shutdown begins', async () => {
    const health = new HealthService([up]);
    health.onModuleDestroy();
    expect(await health.report()).toMatchObject({ status: 'not_ready' });
  });
});

describe('databaseCheck', () => {
  const dataSource = (isInitialized: boolean, query: () => Promise<unknown>) =>
    ({ isInitialized, query }) as unknown as DataSource;

  it('is up only while a query is answered', async () => {
    expect(await databaseCheck(dataSource(true, () => Promise.resolve([]))).check()).toEqual({
      status: 'up',
    });
    expect(await databaseCheck(dataSource(false, () => Promise.resolve([]))).check()).toEqual({
      status: 'down',
    });
    const broken = databaseCheck(dataSource(true, () => Promise.reject(new Error('gone'))));
    expect(await new HealthService([broken]).report()).toMatchObject({ status: 'not_ready' });
  });
});
