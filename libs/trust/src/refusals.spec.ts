import { expect, test } from '@jest/globals';
import { fakeClock } from '#testing';
import { Refusals, type Refusal } from './refusals.js';

function setUp() {
  const clock = fakeClock();
  const told: Refusal[] = [];
  const refusals = new Refusals('statement.refused', (refusal) => told.push(refusal), clock.now);
  return { clock, told, refusals };
}

test('a flood makes one line for each channel and reason, and one a minute with the count', () => {
  const { clock, told, refusals } = setUp();
  for (let n = 0; n < 1_000; n += 1) {
    refusals.add('nats', 'malformed');
    refusals.add('nats', 'unknown_anchor');
  }
  refusals.add('http', 'malformed');
  const event = 'statement.refused';
  expect(told.splice(0)).toEqual([
    { event, channel: 'nats', reason: 'malformed', count: 1 },
    { event, channel: 'nats', reason: 'unknown_anchor', count: 1 },
    { event, channel: 'http', reason: 'malformed', count: 1 },
  ]);
  clock.advance(59_999);
  refusals.add('nats', 'malformed');
  expect(told).toEqual([]);
  clock.advance(1);
  refusals.add('nats', 'malformed');
  expect(told).toEqual([{ event, channel: 'nats', reason: 'malformed', count: 1_001 }]);
});

test('a clock that is set back silences nothing', () => {
  const { clock, told, refusals } = setUp();
  refusals.add('nats', 'malformed');
  clock.advance(-3_600_000);
  refusals.add('nats', 'malformed');
  expect(told).toHaveLength(2);
});
