/**
 * The second way: a random session id, and a row in a store that all instances share. Redis would stand in this file, in
 * place of the pool: `SET id account EX 1800` at the login, `GET id` at each request, `DEL id` at the logout. Redis
 * removes expired ids by itself, so it needs no `sweep`.
 */
import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';
import { SESSION_SECONDS, type Clock, type FactsOf, type Way } from './way.js';

export const SESSIONS_TABLE = `
  CREATE TABLE sessions (id text PRIMARY KEY, account text NOT NULL, expires_at timestamptz NOT NULL);
  CREATE INDEX sessions_expires_at ON sessions (expires_at)`;

const limits = { max: 10, connectionTimeoutMillis: 2_000, query_timeout: 5_000 };
const logIn = 'INSERT INTO sessions VALUES ($1, $2, $3)';
// With a name, the server parses it once for each connection.
const lookUp = { name: 'look-up', text: 'SELECT account FROM sessions WHERE id = $1 AND expires_at > $2' };

export function sessionInStore({ postgres }: FactsOf<'store'>, clock: Clock): Way {
  const pool = new Pool({ ...postgres, ...limits });
  // Without a listener, a store that stops would end this process.
  pool.on('error', () => undefined);
  let lookUps = 0;
  return {
    async logIn(account) {
      const id = randomBytes(32).toString('base64url');
      await pool.query(logIn, [id, account, new Date(clock() + SESSION_SECONDS * 1000)]);
      return id;
    },
    async whoIs(id) {
      lookUps += 1;
      const { rows } = await pool.query<{ account: string }>({ ...lookUp, values: [id, new Date(clock())] });
      return rows[0]?.account;
    },
    async logOut(id) {
      await pool.query('DELETE FROM sessions WHERE id = $1', [id]);
    },
    async sweep() {
      const { rowCount } = await pool.query('DELETE FROM sessions WHERE expires_at <= $1', [
        new Date(clock()),
      ]);
      return rowCount ?? 0;
    },
    lookUps: () => lookUps,
  };
}
