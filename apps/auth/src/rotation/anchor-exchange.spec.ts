import { describe, expect, it } from '@jest/globals';
import { exchangeWaitsFor, NOBODY_HEARD, NOT_HEARD_YET, type ExchangeFacts } from './anchor-exchange.js';

const verifier = (service: string, instance: string, ...pins: string[]) => ({ service, instance, pins });
const auth = verifier('auth', 'a', 'old', 'next');
const orders = verifier('orders', 'o', 'old', 'next');
const late = verifier('inventory', 'i', 'old');

const facts = (over: Partial<ExchangeFacts> = {}): ExchangeFacts => ({
  next: 'next',
  self: 'auth',
  remembered: [auth, orders],
  lackingNow: [],
  isComplete: true,
  ...over,
});

describe('an anchor exchange', () => {
  it('goes ahead when every verifier that is remembered pins the next anchor', () => {
    expect(exchangeWaitsFor(facts())).toEqual([]);
  });

  it.each<[string, Partial<ExchangeFacts>, string[]]>([
    [
      'one that lacks it, however long it has been silent',
      { remembered: [auth, orders, late] },
      ['inventory/i'],
    ],
    ['one that lacks it and is not remembered yet', { lackingNow: ['inventory/i'] }, ['inventory/i']],
    ['one of both once', { remembered: [auth, orders, late], lackingNow: ['inventory/i'] }, ['inventory/i']],
    ['a replica of auth itself', { remembered: [orders, verifier('auth', 'b', 'old')] }, ['auth/b']],
    ['those not heard of yet', { isComplete: false }, [NOT_HEARD_YET]],
    ['those not heard of yet, where there is nobody', { isComplete: false, remembered: [] }, [NOT_HEARD_YET]],
    ['the operator where auth is alone', { remembered: [auth] }, [NOBODY_HEARD]],
    ['the operator where there is not even auth', { remembered: [] }, [NOBODY_HEARD]],
  ])('waits for %s', (_whom, over, names) => {
    expect(exchangeWaitsFor(facts(over))).toEqual(names);
  });
});
