/**
 * A token endpoint that does for an exchange only what cannot be left out: it checks the signature of the assertion, asks the
 * database with the driver alone, and signs. Without a framework, without schemas, limits and logs. It is a program of its own
 * and takes its facts from the first message of its parent.
 */
import { createPublicKey, generateKeyPairSync, randomUUID, sign, verify, type JsonWebKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Pool, type ClientConfig } from 'pg';

export interface EndpointFacts {
  readonly database: ClientConfig;
  /** The active key and a session of the system. The queries name them. */
  readonly kid: string;
  readonly session: string;
}

if (process.send) {
  const [facts] = (await once(process, 'message')) as [EndpointFacts];
  await listen(facts);
}

async function listen(facts: EndpointFacts): Promise<void> {
  const pool = new Pool({ ...facts.database, pipeline: true });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const server = createServer((request, response) => {
    const answer = async () => {
      const form = new URLSearchParams(await text(request));
      const [header, payload, signature] = form.get('client_assertion')!.split('.') as [
        string,
        string,
        string,
      ];
      const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string };
      const check = (jwk: JsonWebKey) =>
        verify(
          'sha256',
          Buffer.from(`${header}.${payload}`),
          { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
          Buffer.from(signature, 'base64url'),
        );
      const now = Math.floor(Date.now() / 1000);
      const claims = {
        iss: 'i',
        sub: 's',
        aud: 'inventory',
        act: { sub: 'orders' },
        exp: now,
        jti: randomUUID(),
      };
      const token = await exchangeQueries(pool, { ...facts, jti, check }, () => {
        const input = `${base64({ alg: 'ES256', typ: 'at+jwt', kid: facts.kid })}.${base64(claims)}`;
        const made = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
        return `${input}.${made.toString('base64url')}`;
      });
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 300 }));
    };
    answer().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  server.listen(0, '127.0.0.1', () =>
    process.send!({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
  );
  process.on('disconnect', () => process.exit());
}

interface Work {
  readonly kid: string;
  readonly session: string;
  readonly jti: string;
  /** Checks the assertion with a key of the client. */
  readonly check: (jwk: JsonWebKey) => boolean;
}

/** The queries of an exchange in seven round trips, as auth sends them. The token is signed in the transaction. */
async function exchangeQueries(
  pool: Pool,
  { kid, session, jti, check }: Work,
  signToken: () => string,
): Promise<string> {
  const found = await pool.query<{ public_jwk: JsonWebKey }>(
    `SELECT disabled_at, public_jwk, clock_timestamp() FROM client LEFT JOIN client_key
       ON client_id = client.id AND (not_after IS NULL OR not_after > clock_timestamp())
      WHERE client.id = $1 ORDER BY added_at DESC LIMIT 10`,
    ['orders'],
  );
  if (!found.rows.some(({ public_jwk: jwk }) => check(jwk))) throw new Error('the signature is wrong');
  await pool.query(
    `WITH removed AS (
       DELETE FROM client_assertion WHERE (client_id, jti) IN (
         SELECT client_id, jti FROM client_assertion WHERE expires_at < clock_timestamp() - interval '1 minute'
          ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED))
     INSERT INTO client_assertion (client_id, jti, expires_at)
     VALUES ('orders', $1, clock_timestamp() + interval '1 minute') ON CONFLICT DO NOTHING RETURNING jti`,
    [jti],
  );
  await pool.query('SELECT * FROM session JOIN account ON account.id = account_id WHERE session.id = $1', [
    session,
  ]);
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock_shared(1)');
    const clients = ['orders', 'web'];
    await Promise.all([
      client.query('SELECT id, disabled_at FROM client WHERE id = ANY($1) ORDER BY id FOR SHARE', [clients]),
      client.query(`SELECT * FROM signing_key WHERE status = 'active' LIMIT 1 FOR SHARE`),
      client.query('SELECT epoch, anchor, clock_timestamp() FROM key_set'),
      client.query(
        `SELECT EXISTS (SELECT FROM signing_key WHERE kid = $1),
                EXISTS (SELECT FROM revocation WHERE (kind = 'jti' AND value = ANY($2)) OR (kind = 'sid' AND value = $3)
                           OR (kind = 'client_id' AND value = ANY($4)))`,
        [kid, [jti], session, clients],
      ),
    ]);
    const token = signToken();
    await client.query('COMMIT');
    return token;
  } finally {
    client.release();
  }
}
