import { describe, expect, it } from '@jest/globals';
import type { Offer } from '../catalogue/catalogue.js';
import { lineTotalCents, priceOrder } from './pricing.js';

const offer = (sku: string, priceCents: number, currency = 'EUR'): Offer => {
  return { sku, name: `The ${sku}`, priceCents, currency };
};

describe('priceOrder', () => {
  it.each([
    { what: 'one line', lines: [['A', 3, 250]], total: 750 },
    {
      what: 'several lines',
      lines: [
        ['A', 3, 250],
        ['B', 1, 1999],
      ],
      total: 2749,
    },
    { what: 'a gift', lines: [['A', 1000, 0]], total: 0 },
    {
      what: 'cents that binary fractions would lose',
      lines: [
        ['A', 3, 10],
        ['B', 3, 20],
      ],
      total: 90,
    },
  ] as { what: string; lines: [string, number, number][]; total: number }[])('$what', ({ lines, total }) => {
    const priced = priceOrder(
      lines.map(([sku, quantity]) => ({ sku, quantity })),
      lines.map(([sku, , price]) => offer(sku, price)),
    );
    expect(priced).toEqual({
      totalCents: total,
      currency: 'EUR',
      lines: lines.map(([sku, quantity, unitPriceCents]) => ({
        sku,
        name: `The ${sku}`,
        quantity,
        unitPriceCents,
      })),
    });
    expect(priced.lines.map(lineTotalCents).reduce((a, b) => a + b)).toBe(total);
  });

  it('is exact for the largest order that there can be', () => {
    const lines = Array.from({ length: 50 }, (_value, index) => ({ sku: `S-${index}`, quantity: 1000 }));
    const { totalCents } = priceOrder(
      lines,
      lines.map(({ sku }) => offer(sku, 100_000_000)),
    );
    expect(totalCents).toBe(5_000_000_000_000);
    expect(Number.isSafeInteger(totalCents + 1)).toBe(true);
  });

  it('names every line whose product there is not', () => {
    const lines = ['A', 'B', 'C'].map((sku) => ({ sku, quantity: 1 }));
    expect(() => priceOrder(lines, [undefined, offer('B', 1), undefined])).toThrow(
      expect.objectContaining({
        code: 'unknown_sku',
        errors: [
          { field: 'lines.0.sku', message: 'There is no such product' },
          { field: 'lines.2.sku', message: 'There is no such product' },
        ],
      }),
    );
  });

  it('names every line in another currency than the first', () => {
    const lines = ['A', 'B', 'C'].map((sku) => ({ sku, quantity: 1 }));
    expect(() => priceOrder(lines, [offer('A', 1), offer('B', 1, 'USD'), offer('C', 1)])).toThrow(
      expect.objectContaining({
        code: 'mixed_currencies',
        errors: [{ field: 'lines.1.sku', message: 'Not sold in EUR' }],
      }),
    );
  });
});
