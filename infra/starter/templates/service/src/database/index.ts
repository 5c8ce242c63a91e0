/** The entities of the database, and the migrations that make their tables. */
import { Entry } from '../entries/entry.entity.js';
import { Entries1790000000001 } from './migrations/1-entries.js';

export const entities = [Entry];

/** In their order. A released migration never changes. */
export const migrations = [Entries1790000000001];
