import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { z } from 'zod';
import { wholeNumber } from './whole-number.js';

/** One page of a list. `nextCursor` is null on the last page. */
export interface Page<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
}

/** The place in a list after which a page begins. */
interface KeysetPosition {
  readonly createdAt: Date;
  readonly id: string;
}

/** The schema of a cursor. An id that the column would refuse is refused here, as a fault of the client. */
function cursorOf(id: z.ZodType<string>) {
  const position = z.tuple([z.iso.datetime().transform((text) => new Date(text)), id]);
  return z
    .string()
    .max(512)
    .transform((text, context): KeysetPosition => {
      const parsed = position.safeParse(decode(text));
      if (parsed.success) return { createdAt: parsed.data[0], id: parsed.data[1] };
      context.addIssue({ code: 'custom', message: 'Not a cursor of this list' });
      return z.NEVER;
    });
}

/** The query of a paged list: `limit` (1 to 100, default 20) and `cursor`. The ids of the list satisfy `id`. */
export function pageQueryOf(id: z.ZodType<string>) {
  return z.strictObject({
    limit: wholeNumber(1, 100).default(20),
    cursor: cursorOf(id).optional(),
  });
}

/** The query of a paged list whose ids are UUIDs. */
export const pageQuery = pageQueryOf(z.uuid());
export type PageQuery = z.output<typeof pageQuery>;

/** Makes the cursor of the page after this position. */
export function encodeCursor({ createdAt, id }: KeysetPosition): string {
  return Buffer.from(JSON.stringify([createdAt.toISOString(), id])).toString('base64url');
}

/** Makes a page from the rows of a query for `limit + 1` rows. The extra row only says that there is another page. */
export function pageOf<T>(
  rows: readonly T[],
  limit: number,
  positionOf: (row: T) => KeysetPosition,
): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last ? encodeCursor(positionOf(last)) : null };
}

/**
 * Fetches one page of what the query selects, newest first. Rows that are added or removed meanwhile do not shift the
 * pages. `createdAt` must be a `timestamptz(3)`: a Date holds milliseconds, and with a finer column pages would skip
 * rows.
 * @throws Error if the query joins: `limit` counts rows, and a join makes several rows of one
 */
export async function keysetPage<T extends ObjectLiteral>(
  query: SelectQueryBuilder<T>,
  { limit, cursor }: PageQuery,
  { createdAt = 'createdAt', id = 'id' } = {},
): Promise<Page<T>> {
  if (query.expressionMap.joinAttributes.length > 0)
    throw new Error('keysetPage takes no joins: a join makes several rows of one');
  const [at, tie] = [`${query.alias}.${createdAt}`, `${query.alias}.${id}`];
  if (cursor)
    query.andWhere(`(${at}, ${tie}) < (:cursorAt, :cursorId)`, {
      cursorAt: cursor.createdAt,
      cursorId: cursor.id,
    });
  const rows = await query
    .orderBy(at, 'DESC')
    .addOrderBy(tie, 'DESC')
    .limit(limit + 1)
    .getMany();
  return pageOf(rows, limit, (row) => ({ createdAt: row[createdAt] as Date, id: row[id] as string }));
}

function decode(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
