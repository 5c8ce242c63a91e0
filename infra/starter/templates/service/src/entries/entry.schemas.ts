/** The schemas of requests and answers about entries. */
import { z } from 'zod';

const title = z.string().trim().min(1).max(200).meta({ example: 'First entry' });

export const newEntry = z.strictObject({ title });
export type NewEntry = z.output<typeof newEntry>;

export const entryId = z.uuid();

export const entry = z.strictObject({ id: entryId, title, createdAt: z.iso.datetime() });
export type EntryView = z.output<typeof entry>;

export const entryPage = z.strictObject({ items: z.array(entry), nextCursor: z.string().nullable() });
