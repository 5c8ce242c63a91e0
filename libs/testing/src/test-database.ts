import { randomBytes } from 'node:crypto';
import { dropDatabase, provisionDatabase } from '../../../infra/system/service-database.js';
import type { PostgresLogin } from '../../../infra/local/postgres.js';
import { sharedPostgres } from './shared-servers.js';

/** The database of one spec, with the two roles that a service has in production. */
export interface TestDatabase {
  /** Runs the migrations and owns the tables. */
  owner: PostgresLogin;
  /** Runs the service: reads and writes rows, and cannot change tables. */
  runtime: PostgresLogin;
  /** Removes the database and its roles, and cuts open connections. */
  drop(): Promise<void>;
}

/** Makes an empty database. Its name begins with `service` and is unique in this run's PostgreSQL. */
export async function createTestDatabase(service: string): Promise<TestDatabase> {
  const superuser = sharedPostgres();
  const database = `${service}_${randomBytes(5).toString('hex')}`;
  const password = () => randomBytes(12).toString('base64url');
  const plan = {
    database,
    owner: { name: `${database}_owner`, password: password() },
    runtime: { name: database, password: password() },
  };
  await provisionDatabase(superuser, plan);
  const login = ({ name, password }: { name: string; password: string }) => ({
    host: superuser.host,
    port: superuser.port,
    user: name,
    password,
    database,
  });
  return {
    owner: login(plan.owner),
    runtime: login(plan.runtime),
    drop: () => dropDatabase(superuser, plan),
  };
}
