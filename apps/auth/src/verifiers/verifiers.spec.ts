import { describe, expect, it, jest } from '@jest/globals';
import { fakeClock } from '#testing';
import { readAcknowledgement, type AckRefusal } from './acknowledgement.js';
import { Verifiers } from './verifiers.js';

const COUNTED_MS = 25_000;
const LAST_EPOCH = 7;

function listening() {
  const clock = fakeClock();
  const verifiers = new Verifiers(COUNTED_MS, clock.now);
  const hear = (
    instance: string,
    facts: Record<string, unknown> = {},
    subject = `trust.ack.orders.${instance}`,
  ) => {
    const ack = { epoch: 5, kids: ['k1'], pins: ['a1'], at: clock.now(), ...facts };
    const heard = readAcknowledgement(subject, Buffer.from(JSON.stringify(ack)), LAST_EPOCH);
    if (typeof heard === 'string') return heard;
    if ('goodbye' in heard) return verifiers.forget(heard);
    return verifiers.hear(heard) ?? 'too_many_instances';
  };
  const names = () => verifiers.counted().map(({ instance }) => instance);
  return { clock, verifiers, hear, names };
}

describe('an acknowledgement', () => {
  it('is remembered with the name that its subject gives it, and the time by our clock', () => {
    const { clock, verifiers, hear } = listening();
    const heard = { service: 'orders', instance: 'one', epoch: 5, kids: ['k1'], pins: ['a1'] };
    const counted = { ...heard, at: 42, clockSkewMs: 0, seenAt: clock.now() };
    expect(hear('one', { at: 42 })).toEqual(counted);
    expect(verifiers.counted()).toEqual([counted]);
  });

  it('cannot give itself another name or an earlier time, nor say more than it may', () => {
    const { clock, verifiers, hear } = listening();
    hear('one', { service: 'inventory', instance: 'two', seenAt: 0, extra: 'x', __proto__: { kids: [] } });
    expect(verifiers.counted()).toEqual([
      {
        service: 'orders',
        instance: 'one',
        epoch: 5,
        kids: ['k1'],
        pins: ['a1'],
        at: clock.now(),
        clockSkewMs: 0,
        seenAt: clock.now(),
      },
    ]);
  });

  it.each<[string, AckRefusal, Record<string, unknown>]>([
    ['of an epoch that there is not yet', 'future_epoch', { epoch: LAST_EPOCH + 1 }],
    ['of the last epoch that a number can hold', 'future_epoch', { epoch: Number.MAX_SAFE_INTEGER }],
    ['of an epoch beyond that', 'malformed', { epoch: 2 ** 53 }],
    ['of epoch 0', 'malformed', { epoch: 0 }],
    ['of a negative epoch', 'malformed', { epoch: -1 }],
    ['of half an epoch', 'malformed', { epoch: 1.5 }],
    ['of an epoch in text', 'malformed', { epoch: '5' }],
    ['without kids', 'malformed', { kids: undefined }],
    ['of kids that are no list', 'malformed', { kids: { length: 1, 0: 'k1' } }],
    ['of a kid that is no text', 'malformed', { kids: [1] }],
    ['of an empty kid', 'malformed', { kids: [''] }],
    ['of a kid that is too long', 'malformed', { kids: ['k'.repeat(129)] }],
    ['of a kid that PostgreSQL cannot keep', 'malformed', { kids: ['k\u0000'] }],
    ['of a kid with half of a surrogate pair', 'malformed', { kids: ['\ud800'] }],
    ['of more kids than a statement holds', 'malformed', { kids: Array(65).fill('k') }],
    ['of too many pins', 'malformed', { pins: Array(17).fill('a') }],
    ['of a pin that PostgreSQL cannot keep', 'malformed', { pins: ['a\u0000'] }],
    ['without a time', 'malformed', { at: undefined }],
    ['of a time in text', 'malformed', { at: 'now' }],
    ['of 1 MB', 'too_large', { filler: 'x'.repeat(1_000_000) }],
  ])('%s is refused: %s', (_what, reason, facts) => {
    const { hear, names } = listening();
    expect(hear('one', facts)).toBe(reason);
    expect(names()).toEqual([]);
  });

  it.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number beyond all numbers', '{"epoch":5,"kids":[],"pins":[],"at":1e999}'],
    ['a nest of 8,000 lists', '['.repeat(8_000) + ']'.repeat(8_000)],
    ['no text at all', Buffer.from([0xff, 0xfe, 0x00, 0x80])],
  ])('of %s is malformed', (_what, data) => {
    expect(readAcknowledgement('trust.ack.orders.one', Buffer.from(data), LAST_EPOCH)).toBe('malformed');
  });

  it.each([
    'trust.ack.orders',
    'trust.ack.orders.',
    'trust.ack..one',
    'trust.ack.orders.one.two',
    'trust.ack.orders.ü',
    'trust.ack.orders.a b',
    'trust.ack.orders.*',
    `trust.ack.orders.${'x'.repeat(65)}`,
    `trust.ack.${'x'.repeat(65)}.one`,
  ])('on %s has a bad name', (subject) => {
    const { hear, names } = listening();
    expect(hear('', {}, subject)).toBe('bad_name');
    expect(names()).toEqual([]);
  });
});

describe('who is counted', () => {
  it('was heard of within the window, to the millisecond', () => {
    const { clock, hear, names } = listening();
    hear('one');
    clock.advance(COUNTED_MS - 1);
    expect(names()).toEqual(['one']);
    clock.advance(1);
    expect(names()).toEqual([]);
  });

  it('is counted again as soon as it is heard again', () => {
    const { clock, hear, names } = listening();
    hear('one');
    clock.advance(COUNTED_MS);
    hear('one', { epoch: 6 });
    expect(names()).toEqual(['one']);
  });

  it('lacks what its last acknowledgement does not name', () => {
    const { clock, verifiers, hear } = listening();
    const lacking = () => verifiers.lacking(({ kids }) => kids.includes('k2'));
    hear('one', { kids: ['k1', 'k2'] });
    hear('two');
    expect(lacking()).toEqual(['orders/two']);
    clock.advance(1);
    hear('two', { kids: ['k2'] });
    expect(lacking()).toEqual([]);
  });

  it('what was heard elsewhere counts if it is later than what was heard here', () => {
    const { clock, verifiers, hear } = listening();
    hear('one', { epoch: 6 });
    const elsewhere = {
      service: 'orders',
      instance: 'one',
      epoch: 5,
      kids: [],
      pins: [],
      at: 0,
      clockSkewMs: 0,
    };
    verifiers.remember({ ...elsewhere, seenAt: clock.now() - 1 });
    expect(verifiers.counted()[0]).toMatchObject({ epoch: 6 });
    verifiers.remember({ ...elsewhere, seenAt: clock.now() + 1 });
    expect(verifiers.counted()[0]).toMatchObject({ epoch: 5 });
  });
});

describe('a goodbye', () => {
  it('ends the waiting for that instance and no other, until it is heard again', () => {
    const { hear, names } = listening();
    hear('one');
    hear('two');
    hear('one', { goodbye: true, epoch: undefined });
    expect(names()).toEqual(['two']);
    hear('one');
    expect(names()).toEqual(['two', 'one']);
  });

  it('of an instance that nobody knows changes nothing', () => {
    const { hear, names } = listening();
    hear('one');
    expect(hear('two', { goodbye: true })).toBe(false);
    expect(names()).toEqual(['one']);
  });

  it.each([false, 'true', 1])('of %j is none', (goodbye) => {
    const data = Buffer.from(JSON.stringify({ goodbye }));
    expect(readAcknowledgement('trust.ack.orders.one', data, LAST_EPOCH)).toBe('malformed');
  });
});

describe('a step of the wall clock', () => {
  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('%s counts nobody out and keeps nobody in', (_direction, step) => {
    const wallClock = jest.spyOn(Date, 'now');
    const monotonic = jest.spyOn(performance, 'now');
    try {
      let [wall, passed] = [1_700_000_000_000, 5_000];
      wallClock.mockImplementation(() => wall);
      monotonic.mockImplementation(() => passed);
      const verifiers = new Verifiers(COUNTED_MS);
      verifiers.hear({ service: 'orders', instance: 'one', epoch: 5, kids: [], pins: [], at: wall });
      wall += step;
      passed += COUNTED_MS - 1;
      expect(verifiers.counted()).toHaveLength(1);
      passed += 1;
      expect(verifiers.counted()).toEqual([]);
    } finally {
      wallClock.mockRestore();
      monotonic.mockRestore();
    }
  });
});

describe('a flood of names', () => {
  it('of 10,000 instances leaves 64, those that came first, and room for every other service', () => {
    const { hear, names, verifiers } = listening();
    hear('real');
    const answers = Array.from({ length: 10_000 }, (_, i) => hear(`fake-${i}`));
    expect(answers.filter((answer) => typeof answer !== 'string')).toHaveLength(63);
    expect(answers.filter((answer) => answer === 'too_many_instances')).toHaveLength(10_000 - 63);
    expect(names()).toHaveLength(64);
    expect(names()[0]).toBe('real');
    expect(typeof hear('one', {}, 'trust.ack.inventory.one')).toBe('object');
    expect(verifiers.counted()).toHaveLength(65);
  });

  it('cannot displace a verifier that is heard of, and one that fell silent makes room', () => {
    const { clock, hear, names } = listening();
    for (let i = 0; i < 63; i += 1) hear(`fake-${i}`);
    clock.advance(COUNTED_MS - 1);
    hear('real');
    expect(hear('late')).toBe('too_many_instances');
    clock.advance(1);
    for (let i = 100; i < 10_000; i += 1) hear(`fake-${i}`);
    expect(names()).toContain('real');
    expect(names()).toHaveLength(64);
  });

  it('never keeps more than 64 of a service in memory, however long it goes on', () => {
    const { clock, hear, verifiers } = listening();
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 100; i += 1) hear(`fake-${round}-${i}`);
      clock.advance(COUNTED_MS);
    }
    const { known } = verifiers as unknown as { known: Map<string, unknown> };
    expect(known.size).toBeLessThanOrEqual(64);
  });
});
