import { describe, expect, it } from '@jest/globals';
import type { HealthCheck } from './health.js';
import { fakeClock } from '#testing';
import { HealthService } from './health.js';

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

  it('is asked once a second at most, however many ask', async () => {
    const clock = fakeClock();
    let asked = 0;
    const health = new HealthService(
      [{ name: 'a', check: () => ({ status: (asked += 1) === 1 ? 'up' : 'down' }) }],
      clock.now,
    );
    const ask = async () => {
      const reports = await Promise.all([health.report(), health.report(), health.report()]);
      return new Set(reports.map(({ status }) => status));
    };
    expect([await ask(), asked]).toEqual([new Set(['ready']), 1]);
    clock.advance(999);
    expect([await ask(), asked]).toEqual([new Set(['ready']), 1]);
    clock.advance(1);
    expect([await ask(), asked]).toEqual([new Set(['not_ready']), 2]);
  });

  it('ends when the shutdown begins, also within the second', async () => {
    const health = new HealthService([up]);
    expect(await health.report()).toMatchObject({ status: 'ready' });
    health.onModuleDestroy();
    expect(await health.report()).toMatchObject({ status: 'not_ready' });
  });

  it('begins no check again that has not ended', async () => {
    const clock = fakeClock();
    let begun = 0;
    let end!: () => void;
    const check = () => {
      begun += 1;
      return new Promise<{ status: 'up' }>((resolve) => (end = () => resolve({ status: 'up' })));
    };
    const health = new HealthService([{ name: 'slow', timeoutMs: 10, check }], clock.now);
    for (const _ of [1, 2, 3]) {
      expect(await health.report()).toMatchObject({ status: 'not_ready' });
      clock.advance(1000);
    }
    expect(begun).toBe(1);
    const last = health.report();
    end();
    expect(await last).toMatchObject({ status: 'ready' });
  });
});
