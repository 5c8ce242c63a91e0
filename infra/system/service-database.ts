// Imported by path: all of `#service-kit` would bring NestJS into the image of the one-shot programs.
import {
  escapeIdentifier as id,
  keptAlive,
  PostgresClient,
} from '../../libs/service-kit/src/postgres-client.js';
import { readSecret, secretPaths } from './secrets.js';

/** The database of a service, and the two roles that may connect to it. */
interface DatabasePlan {
  database: string;
  /** Owns the database, its schema and its tables. Migrations run as this role. */
  owner: { name: string; password: string };
  /** The service runs as this role. It reads and writes rows and cannot change tables. */
  runtime: { name: string; password: string };
}

/** How the superuser of PostgreSQL logs in. */
export interface SuperuserLogin {
  host: string;
  port: number;
  user: string;
  password: string;
}

/** Names the database and the roles of a service, and reads their passwords. @throws SetupError `state_damaged`. */
export function planDatabase(service: string, stateDir: string): DatabasePlan {
  return {
    database: service,
    owner: { name: `${service}_owner`, password: readSecret(secretPaths.ownerPassword(stateDir, service)) },
    runtime: { name: service, password: readSecret(secretPaths.runtimePassword(stateDir, service)) },
  };
}

/** Makes the roles and the database, or corrects them if they exist. A second run changes nothing. */
export async function provisionDatabase(superuser: SuperuserLogin, plan: DatabasePlan): Promise<void> {
  const { database, owner, runtime } = plan;
  await asSuperuser(superuser, 'postgres', async (client) => {
    // Two sessions that change the rights on one object at the same time fail ("tuple concurrently updated").
    // The lock ends with the session.
    await client.query(`SELECT pg_advisory_lock(hashtext('provision databases'))`);
    await client.query('REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC');
    for (const role of [owner, runtime]) await ensureRole(client, role);
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${id(database)} OWNER ${id(owner.name)}`);
    await client.query(`ALTER DATABASE ${id(database)} OWNER TO ${id(owner.name)}`);
    await client.query(`REVOKE ALL ON DATABASE ${id(database)} FROM PUBLIC`);
    await client.query(`GRANT CONNECT ON DATABASE ${id(database)} TO ${id(runtime.name)}`);
  });
  await asSuperuser(superuser, database, async (client) => {
    await client.query(`ALTER SCHEMA public OWNER TO ${id(owner.name)}`);
    await client.query('REVOKE ALL ON SCHEMA public FROM PUBLIC');
    await client.query(`GRANT USAGE ON SCHEMA public TO ${id(runtime.name)}`);
    // Everybody may make large objects by default, and so fill the disk.
    const makers = 'lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea)';
    await client.query(`REVOKE EXECUTE ON FUNCTION ${makers} FROM PUBLIC`);
    const future = `ALTER DEFAULT PRIVILEGES FOR ROLE ${id(owner.name)} IN SCHEMA public`;
    await client.query(`${future} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${id(runtime.name)}`);
    await client.query(`${future} GRANT USAGE ON SEQUENCES TO ${id(runtime.name)}`);
  });
}

/** Removes what `provisionDatabase` made, and closes all connections to it. */
export async function dropDatabase(superuser: SuperuserLogin, plan: DatabasePlan): Promise<void> {
  await asSuperuser(superuser, 'postgres', async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${id(plan.database)} WITH (FORCE)`);
    for (const role of [plan.owner, plan.runtime]) await client.query(`DROP ROLE IF EXISTS ${id(role.name)}`);
  });
}

async function ensureRole(client: PostgresClient, role: { name: string; password: string }): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role.name]);
  const attributes = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS';
  const password = client.escapeLiteral(role.password);
  await client.query(
    `${rowCount === 0 ? 'CREATE' : 'ALTER'} ROLE ${id(role.name)} ${attributes} PASSWORD ${password}`,
  );
}

async function asSuperuser(
  login: SuperuserLogin,
  database: string,
  work: (client: PostgresClient) => Promise<void>,
): Promise<void> {
  const client = new PostgresClient({ ...keptAlive, ...login, database, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
