/**
 * The revocations in auth's table. It stores many as auth would have made them: numbered, and signed by the anchor. It
 * also reads when auth made each.
 */
import { createPrivateKey, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { DataSource } from 'typeorm';
import { readAnchor, REVOCATION_TYP, revocationPayload } from '#statements';
import { signCompact } from '#testing';
import { readSecret, secretPaths } from '../../infra/system/secrets.js';

/** How many rows one statement inserts. */
const ROWS = 5_000;
/** As long as auth keeps one: the longest life of a token, and twice the greatest clock skew. */
const LIFE_SECONDS = 310;

/** Stores them in one transaction. auth itself publishes them. */
export async function storeRevocations(
  database: DataSource,
  { stateDir, issuer, count }: { stateDir: string; issuer: string; count: number },
): Promise<void> {
  const sign = signer(stateDir, issuer);
  await database.transaction(async (tx) => {
    const [[{ last }]] = await tx.query<[[{ last: number }]]>(
      'UPDATE revocation_counter SET last = last + $1 RETURNING last::float8 AS last',
      [count],
    );
    for (let done = 0; done < count; done += ROWS) {
      const length = Math.min(ROWS, count - done);
      const rows = Array.from({ length }, (_row, index) => sign(last - count + 1 + done + index));
      await tx.query(
        `INSERT INTO revocation (n, kind, value, jws, created_at, expires_at)
         SELECT n, 'sid', value, jws, clock_timestamp(), clock_timestamp() + make_interval(secs => $2)
           FROM jsonb_to_recordset($1::jsonb) AS row(n bigint, value text, jws text)`,
        [JSON.stringify(rows), LIFE_SECONDS],
      );
    }
  });
}

/** When auth had the lock of the counter of revocations, by session, on the clock of `performance.now()`. */
export async function numberedAt(database: DataSource): Promise<ReadonlyMap<string, number>> {
  const rows = await database.query<{ value: string; at: number }[]>(
    'SELECT value, extract(epoch FROM created_at)::float8 * 1000 AS at FROM revocation',
  );
  return new Map(rows.map(({ value, at }) => [value, at - performance.timeOrigin]));
}

function signer(stateDir: string, issuer: string) {
  const pem = readSecret(join(secretPaths.of(stateDir, 'auth'), 'trust-anchor.private.pem'));
  const key = { alg: 'ES256' as const, privateKey: createPrivateKey(pem) };
  const { thumbprint: kid } = readAnchor(readSecret(join(secretPaths.public(stateDir), 'trust-anchor.pem')));
  const header = { alg: key.alg, typ: REVOCATION_TYP, kid };
  return (n: number) => {
    const value = randomUUID();
    const facts = { issuer, iat: Math.floor(Date.now() / 1000), jti: randomUUID(), n };
    const jws = signCompact(header, revocationPayload({ kind: 'sid', value }, facts), key);
    return { n, value, jws };
  };
}
