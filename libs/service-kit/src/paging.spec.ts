import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { encodeCursor, pageOf, pageQuery, pageQueryOf } from './paging.js';

const id = '0198a4a2-1111-7000-8000-000000000001';
const createdAt = new Date('2026-01-02T03:04:05.678Z');

describe('pageQuery', () => {
  it('has defaults and bounds', () => {
    expect(pageQuery.parse({})).toEqual({ limit: 20 });
    expect(pageQuery.parse({ limit: '100' })).toEqual({ limit: 100 });
    for (const limit of ['0', '101', '1.5', 'x', '', '0x10', '1e1', ' 5', '+5', '5.0', '05'])
      expect(pageQuery.safeParse({ limit }).success).toBe(false);
  });

  it('reads the cursor that it wrote', () => {
    const cursor = encodeCursor({ createdAt, id });
    expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(pageQuery.parse({ cursor })).toEqual({ limit: 20, cursor: { createdAt, id } });
  });

  const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  it.each([
    [''],
    ['zzz'],
    ['x'.repeat(1000)],
    [forged(null)],
    [forged({ id })],
    [forged(['yesterday', id])],
    [forged([createdAt.toISOString(), "' OR 1=1"])],
    [forged([createdAt.toISOString(), id, 'more'])],
  ])('refuses the cursor %s', (cursor) => {
    const { error } = pageQuery.safeParse({ cursor });
    expect(error?.issues).toMatchObject([{ path: ['cursor'] }]);
  });

  it('takes other ids where the list has them', () => {
    const query = pageQueryOf(z.string().regex(/^[a-z-]+$/));
    const cursor = encodeCursor({ createdAt, id: 'blue-mug' });
    expect(query.parse({ cursor }).cursor?.id).toBe('blue-mug');
    expect(query.safeParse({ cursor: encodeCursor({ createdAt, id: 'A' }) }).success).toBe(false);
  });
});

describe('pageOf', () => {
  const rows = ['a', 'b', 'c'].map((name) => ({ id: name, createdAt }));

  it('points to the last row that it shows when there is more', () => {
    const expected = { items: rows.slice(0, 2), nextCursor: encodeCursor({ id: 'b', createdAt }) };
    expect(pageOf(rows, 2, (row) => row)).toEqual(expected);
  });
  it('has no cursor on the last page', () => {
    expect(pageOf(rows, 3, (row) => row)).toEqual({ items: rows, nextCursor: null });
    expect(pageOf([], 3, (row: never) => row)).toEqual({ items: [], nextCursor: null });
  });
});
