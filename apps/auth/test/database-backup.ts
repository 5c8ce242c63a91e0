import pg from 'pg';
import { sharedPostgres, type PostgresLogin } from '#testing';

/** A copy of every table of a database, as a backup has it. */
export interface DatabaseBackup {
  /** Puts all tables back as they were, in one transaction, past the triggers that no service could pass. */
  restore(): Promise<void>;
}

/** Copies every table, at one moment. */
export async function backUp({ database }: PostgresLogin): Promise<DatabaseBackup> {
  const asSuperuser = async (work: (client: pg.Client) => Promise<void>) => {
    const client = new pg.Client({ ...sharedPostgres(), database });
    await client.connect();
    try {
      // No trigger and no foreign key is asked, as when files are put back.
      await client.query('SET session_replication_role = replica');
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await work(client);
      await client.query('COMMIT');
    } finally {
      await client.end();
    }
  };
  const tables = async (client: pg.Client): Promise<string[]> => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'`,
    );
    return rows.map(({ name }) => name);
  };

  await asSuperuser(async (client) => {
    await client.query('DROP SCHEMA IF EXISTS backup CASCADE');
    await client.query('CREATE SCHEMA backup');
    for (const table of await tables(client))
      await client.query(`CREATE TABLE backup.${table} AS TABLE public.${table}`);
  });
  return {
    restore: () =>
      asSuperuser(async (client) => {
        for (const table of await tables(client)) {
          // Truncation waits for whoever is at work in the table, and then leaves nothing behind.
          await client.query(`TRUNCATE public.${table} CASCADE`);
        }
        for (const table of await tables(client))
          await client.query(`INSERT INTO public.${table} OVERRIDING SYSTEM VALUE TABLE backup.${table}`);
      }),
  };
}
