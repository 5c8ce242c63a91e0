import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { readAnchor } from '#statements';
import { createTestIssuer } from '#testing';
import { KeyRing, SLICE } from '#trust';
import type { NatsLink } from '#trust/nats';
import { RevocationOutbox } from './revocation-outbox.service.js';
import type { RevocationsService } from './revocations.service.js';

// Only the timer of the rounds is moved by the test.
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['Date', 'hrtime', 'nextTick', 'queueMicrotask', 'setImmediate'] });
});
afterEach(() => {
  jest.useRealTimers();
});

/** An outbox whose database holds the revocations 1 to `count`, and that never reaches NATS. */
function setUp(count: number) {
  const issuer = createTestIssuer();
  const ring = new KeyRing({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor) });
  ring.accept(issuer.statement({ revocations: { from: 1, to: count } }), 'local');
  const rows = new Map(
    Array.from({ length: count }, (_row, index) => [
      index + 1,
      issuer.revocation(index + 1, { sid: `s${index}` }),
    ]),
  );
  const asked: number[] = [];
  const dataSource = {
    async query(sql: string, [numbers = []]: readonly (readonly number[])[] = []) {
      if (!sql.startsWith('SELECT jws')) return [];
      asked.push(numbers.length);
      return numbers.map((n) => ({ jws: rows.get(n)! }));
    },
  };
  const outbox = new RevocationOutbox(
    dataSource as unknown as DataSource,
    { onCommitted: () => undefined } as unknown as RevocationsService,
    ring,
    { connection: new Promise(() => undefined), state: () => 'connecting' } as unknown as NatsLink,
  );
  const view = () => ring.facts().revocations;
  return { outbox, ring, view, asked };
}

test('one round fills the own view, however much is missing, and lets the process do other work', async () => {
  const { outbox, ring, view, asked } = setUp(1_200);
  let longest = 0;
  let inARow = 0;
  const add = ring.revocations.add.bind(ring.revocations);
  ring.revocations.add = (jws) => {
    longest = Math.max(longest, (inARow += 1));
    return add(jws);
  };
  outbox.onApplicationBootstrap();
  jest.advanceTimersByTime(1_000);
  for (let turn = 0; view().missing > 0 && turn < 200; turn += 1) {
    inARow = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(view()).toMatchObject({ missing: 0, accepted: 1_200 });
  expect(asked).toEqual([500, 500, 200]);
  // Two slices can follow each other where one batch ends and the next begins.
  expect(longest).toBeLessThanOrEqual(2 * SLICE);
  await outbox.onModuleDestroy();
});

test('a process that stops does not fill its view any further', async () => {
  const { outbox, view } = setUp(1_200);
  outbox.onApplicationBootstrap();
  jest.advanceTimersByTime(1_000);
  await outbox.onModuleDestroy();
  expect(view().missing).toBeGreaterThan(0);
});
