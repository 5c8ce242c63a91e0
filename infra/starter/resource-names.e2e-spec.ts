import { describe, expect, it } from '@jest/globals';
import { connectTestDatabase, createTestDatabase } from '#testing';
import { pluralOf, resourceNameFault, wordsOfSql } from './resource-names.js';

describe('the names of a resource', () => {
  it.each([
    ['invoice', 'invoices'],
    ['category', 'categories'],
    ['survey', 'surveys'],
    ['address', 'addresses'],
    ['box', 'boxes'],
    ['branch', 'branches'],
    ['gift-card', 'gift-cards'],
  ])('the plural of %s is %s', (name, plural) => {
    expect(pluralOf(name)).toBe(plural);
    expect(resourceNameFault({ name, plural })).toBeUndefined();
  });

  it.each([
    ['Invoice', 'invoices', '"Invoice" cannot be the name of a resource. Expected: lower-case letters'],
    ['gift--card', 'gift-cards', '"gift--card" cannot be the name of a resource'],
    ['2nd', 'seconds', '"2nd" cannot be the name of a resource'],
    ['../x', 'xs', '"../x" cannot be the name of a resource'],
    ['invoice', 'in voices', '"in voices" cannot be the name of a resource'],
    ['a'.repeat(41), 'as', 'is too long for a resource: 41 characters. Expected: at most 40'],
    ['a', 'a'.repeat(41), 'is too long for a resource: 41 characters. Expected: at most 40'],
    ['news', 'news', '"news" cannot be both the name and the plural. Give another one with --plural'],
    ['metric', 'metrics', '"metrics" is reserved: it is the route of the metrics'],
    ['migration', 'migrations', '"migrations" is reserved: it is the table in which TypeORM'],
    ['reference', 'references', '"references" is reserved: it is a word of SQL'],
    ['session', 'session-user', '"session-user" is reserved: it is a word of SQL'],
    ['pg-table', 'pg-tables', '"pg-tables" is reserved: it is a name for tables of PostgreSQL itself'],
  ])('%s and %s are refused', (name, plural, line) => {
    expect(resourceNameFault({ name, plural })).toContain(line);
  });

  it('leave out every word that PostgreSQL takes for no table', async () => {
    const database = await createTestDatabase('words');
    const connection = await connectTestDatabase(database.owner, { entities: [], migrations: [] });
    try {
      const words = await connection.query<{ word: string }[]>(
        `SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T') ORDER BY word`,
      );
      expect([...wordsOfSql].sort()).toEqual(words.map(({ word }) => word).sort());
    } finally {
      await connection.destroy();
      await database.drop();
    }
  });
});
