/** The schemas of requests and answers about field notes. */
import { z } from 'zod';

const title = z.string().trim().min(1).max(200).meta({ example: 'My first' });

/** What the owner decides, in a new one and in a change. */
export const fieldNoteContent = z.strictObject({ title });
export type FieldNoteContent = z.output<typeof fieldNoteContent>;

export const fieldNoteId = z.uuid();

export const fieldNote = z.strictObject({ id: fieldNoteId, title, createdAt: z.iso.datetime() });
export type FieldNoteView = z.output<typeof fieldNote>;

export const fieldNotePage = z.strictObject({
  items: z.array(fieldNote),
  nextCursor: z.string().nullable(),
});
