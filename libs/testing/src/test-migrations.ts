import { createTestDatabase } from './test-database.js';
import { connectTestDatabase, type DatabaseSchema } from './test-resource-service.js';

/**
 * Runs the migrations of a service on an empty database, runs them again, undoes all of them, and runs them a third
 * time. Returns the faults, as text for a person; empty if there is none. `npm run check` compares entities and
 * migrations too, but does not undo anything.
 */
export async function migrationFaults(service: string, schema: DatabaseSchema): Promise<string[]> {
  const database = await createTestDatabase(service);
  const connection = await connectTestDatabase(database.owner, schema);
  try {
    const first = await connection.runMigrations();
    const { upQueries } = await connection.driver.createSchemaBuilder().log();
    const second = await connection.runMigrations();
    for (const _migration of first) await connection.undoLastMigration();
    const left = await connection.query<{ tablename: string }[]>(
      `SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'`,
    );
    const third = await connection.runMigrations();
    return [
      ...upQueries.map(({ query }) => `no migration does what an entity says: ${query}`),
      ...second.map(({ name }) => `it ran twice: ${name}`),
      ...left.map(({ tablename }) => `the table is left after the undo: ${tablename}`),
      ...(third.length === first.length ? [] : [`${third.length} of ${first.length} ran after the undo`]),
      ...(first.length > 0 ? [] : ['there is no migration']),
    ];
  } finally {
    await connection.destroy();
    await database.drop();
  }
}
