/**
 * Runs a process against a real PostgreSQL. Without our protection, each variable in its environment would change the
 * driver or make it fail.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { sharedPostgres } from '#testing';

// Everything that pg 8.23 reads (lib/index.js, lib/defaults.js, lib/connection-parameters.js), and more that libpq
// reads.
const shell = {
  NODE_PG_FORCE_NATIVE: '1',
  PGHOST: '192.0.2.1',
  PGPORT: '1',
  PGUSER: 'nobody',
  PGPASSWORD: 'wrong',
  PGDATABASE: 'nothing',
  PGSSLMODE: 'require',
  PGSSLNEGOTIATION: 'direct',
  PGOPTIONS: '-c statement_timeout=1',
  PGAPPNAME: 'psql',
  PGREPLICATION: 'true',
  PGBINARY: 'true',
  PGCLIENT_ENCODING: 'LATIN1',
  PGCLIENTENCODING: 'LATIN1',
  PGCONNECT_TIMEOUT: '1',
};

const built = new URL('../../../dist/libs/service-kit/src/postgres-client.js', import.meta.url).href;
const program = `
  import { PostgresClient } from ${JSON.stringify(built)};
  const client = new PostgresClient(JSON.parse(process.argv[1]));
  await client.connect();
  const { rows } = await client.query(\`SELECT ssl, current_setting('statement_timeout') AS timeout,
    current_setting('application_name') AS name, current_setting('client_encoding') AS encoding
    FROM pg_stat_ssl WHERE pid = pg_backend_pid()\`);
  await client.end();
  console.log(JSON.stringify(rows[0]));`;

it('a login is what it says, whatever stands in the environment', async () => {
  const args = ['--input-type=module', '-e', program, JSON.stringify(sharedPostgres())];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: shell });
  expect(JSON.parse(stdout)).toEqual({ ssl: false, timeout: '0', name: '', encoding: 'UTF8' });
});
