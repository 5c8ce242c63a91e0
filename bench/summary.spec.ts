import { describe, expect, it } from '@jest/globals';
import { milliseconds, spreadOf, table } from './summary.js';

describe('spreadOf', () => {
  it('names values that were measured', () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i);
    expect(spreadOf(values)).toEqual({ count: 200, min: 1, p50: 100, p99: 198, max: 200 });
    expect(spreadOf([7])).toEqual({ count: 1, min: 7, p50: 7, p99: 7, max: 7 });
  });

  it('says nothing of nothing', () => {
    expect(milliseconds(spreadOf([]).p50)).toBe('–');
  });
});

describe('table', () => {
  it('is Markdown in columns', () => {
    expect(
      table(
        ['service', 'n'],
        [
          ['orders', '12'],
          ['inventory', '1,234'],
        ],
      ),
    ).toBe(
      [
        '| service   |     n |',
        '| --------- | ----: |',
        '| orders    |    12 |',
        '| inventory | 1,234 |',
      ].join('\n'),
    );
  });
});
