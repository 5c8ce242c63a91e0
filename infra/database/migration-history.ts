/** Which migrations of an app a database has, and how the last one is taken back. */
import { PostgresClient } from '../../libs/service-kit/src/postgres-client.js';
import { withMigrationLock } from '#service-kit/base';
import type { PostgresLogin } from '../local/postgres.js';
import { SetupError } from '../system/setup-error.js';
import { type DatabaseClasses, optionsFor } from './app-database.js';

/** A migration that the code or the database knows. */
export interface MigrationState {
  readonly name: string;
  /** `unknown`: the database has it, and the code does not. */
  readonly state: 'applied' | 'pending' | 'unknown';
  /** Undefined if it is pending, or was applied before the time was kept. */
  readonly appliedAt?: Date | undefined;
}

/** Lists all migrations: first those of the database, in the order in which they were applied, then the pending ones. */
export async function migrationStates(
  login: PostgresLogin,
  { migrations }: Pick<DatabaseClasses, 'migrations'>,
): Promise<MigrationState[]> {
  const known = migrations.map(({ name }) => name);
  const applied = (await appliedMigrations(login)).map(({ name, applied_at }): MigrationState => ({
    name,
    state: known.includes(name) ? 'applied' : 'unknown',
    appliedAt: applied_at === null ? undefined : new Date(applied_at),
  }));
  const pending = known.filter((name) => !applied.some((each) => each.name === name));
  return [...applied, ...pending.map((name): MigrationState => ({ name, state: 'pending' }))];
}

/**
 * Takes the last migration back, in one transaction. Returns its name.
 * @throws SetupError `bad_argument` if the last one is not `expected`, or cannot be taken back
 */
export async function revertMigration(
  login: PostgresLogin,
  classes: DatabaseClasses,
  expected: string,
): Promise<void> {
  await withMigrationLock(optionsFor(login, classes), async (dataSource) => {
    const last = (await appliedMigrations(login)).at(-1)?.name;
    if (last !== expected)
      throw new SetupError('bad_argument', `Another program has just changed the migrations. Try again.`);
    try {
      await dataSource.undoLastMigration({ transaction: 'each' });
    } catch (cause) {
      throw new SetupError(
        'bad_argument',
        `${expected} cannot be taken back: ${(cause as Error).message}. Nothing has changed.`,
        { cause },
      );
    }
  });
}

/** How many connections the runtime role of an app has: those of the service, or of a shell. */
export async function runtimeConnections(owner: PostgresLogin): Promise<number> {
  const [row] = await rowsOf<{ connections: number }>(
    owner,
    `SELECT count(*)::int AS connections FROM pg_stat_activity
      WHERE datname = current_database() AND usename = current_database()`,
  );
  return row!.connections;
}

async function appliedMigrations(
  login: PostgresLogin,
): Promise<{ name: string; applied_at: string | null }[]> {
  const [table] = await rowsOf<{ there: boolean }>(
    login,
    `SELECT to_regclass('migrations') IS NOT NULL AS there`,
  );
  if (!table!.there) return [];
  // An older version has not made the column.
  return rowsOf(
    login,
    `SELECT name, to_jsonb(m) ->> 'applied_at' AS applied_at FROM migrations m ORDER BY id`,
  );
}

async function rowsOf<Row>(login: PostgresLogin, sql: string): Promise<Row[]> {
  const client = new PostgresClient({ ...login, connectionTimeoutMillis: 10_000, query_timeout: 10_000 });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}
