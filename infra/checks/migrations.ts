/**
 * Checks that the migrations of every app make exactly the tables that its entities describe. It starts a PostgreSQL of
 * its own, migrates an empty database as the owner role, and lets TypeORM compare the database with the entities.
 *
 * The check also finds an entity or a migration that is missing in the lists of database/index.ts.
 */
import { loadClasses, unlistedClasses } from '../database/app-database.js';
import { appsWithDatabase } from '../database/app-names.js';
import { makeEmptyDatabase, schemaChanges } from '../database/schema-changes.js';
import { startThrowAwayPostgres } from '../local/throw-away-postgres.js';
import type { SuperuserLogin } from '../system/service-database.js';
import type { Check } from './check.js';

export const migrations: Check = {
  name: 'migrations',
  remedy:
    'Write a migration that runs this SQL (npm run migration:generate -- APP NAME), or declare on the entity what the ' +
    'migrations have made (@Check, @Index, @Unique, @ForeignKey, each with its name in the database).',
  run: async () => {
    const { superuser, stop } = await startThrowAwayPostgres();
    try {
      const faults = await Promise.all(appsWithDatabase().map((app) => appFaults(app, superuser)));
      return faults.flat();
    } finally {
      await stop();
    }
  },
};

async function appFaults(app: string, superuser: SuperuserLogin): Promise<string[]> {
  const classes = await loadClasses(app);
  const { up } = await schemaChanges(await makeEmptyDatabase(superuser, app), classes);
  return [
    ...(await unlistedClasses(app, classes)),
    ...up.map(
      (sql) =>
        `apps/${app}: after all migrations, the database does not match the entities. This SQL is missing: ${sql}`,
    ),
  ];
}
