/**
 * What a thief can do with one stolen instance: its settings and its memory. Each attempt is really made. Another
 * instance, which is not stolen, judges the forged credentials.
 */
import { createHmac, createPublicKey, randomBytes, type JsonWebKey } from 'node:crypto';
import { connect, nkeyAuthenticator } from '@nats-io/transport-node';
import jsonwebtoken from 'jsonwebtoken';
import { Client } from 'pg';
import { KEYSET_PATH, KEYSET_SUBJECT } from '#statements';
import { createTestIssuer, segment } from '#testing';
import { exchange } from '../../../infra/tour/exchange.js';
import type { Fleet } from '../fleet/fleet.js';
import { SERVICE } from '../ways/public-key.js';
import type { FactsOf } from '../ways/way.js';
import { logOut } from './logout.js';

/** Nobody logs in with this name, so no credential can be stolen: it must be forged. */
const VICTIM = 'administrator';

export interface Attempt {
  readonly attempt: string;
  readonly succeeded: boolean;
}

/** Tries all that the loot of this way permits. */
export async function attack(fleet: Fleet): Promise<Attempt[]> {
  const { facts } = fleet;
  switch (facts.way) {
    case 'memory':
      return attackMemory(fleet);
    case 'store':
      return attackStore(fleet, facts);
    case 'shared-secret':
      return attackSharedSecret(fleet, facts);
    case 'public-key':
      return attackPublicKey(fleet, facts);
  }
}

async function attackMemory(fleet: Fleet): Promise<Attempt[]> {
  // As many users as instances, so that one of them is at the stolen instance.
  for (const account of ['ann', 'ben', 'cem']) await fleet.logIn(account);
  const ids = await fleet.instances[0]!.ask<string[]>({ ask: 'idsInMemory' });
  const answer = await fleet.me(ids.at(-1)!);
  return [
    {
      attempt: 'act as a user of this instance, with an id out of its memory',
      succeeded: typeof answer === 'string',
    },
    await impersonate(
      fleet,
      'act as somebody else, with an invented id',
      `2.${randomBytes(32).toString('base64url')}`,
    ),
  ];
}

async function attackStore(fleet: Fleet, { postgres }: FactsOf<'store'>): Promise<Attempt[]> {
  await fleet.logIn('ann');
  const client = new Client({ ...postgres, connectionTimeoutMillis: 5_000, query_timeout: 5_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(`SELECT id FROM sessions WHERE account = 'ann'`);
    const answer = await fleet.me(rows[0]!.id);
    const id = randomBytes(32).toString('base64url');
    await client.query(`INSERT INTO sessions VALUES ($1, $2, now() + interval '30 min')`, [id, VICTIM]);
    return [
      { attempt: 'act as a user of any instance, with an id out of the store', succeeded: answer === 'ann' },
      await impersonate(fleet, 'act as the administrator, with a row written into the store', id),
    ];
  } finally {
    await client.end();
  }
}

async function attackSharedSecret(fleet: Fleet, { secret }: FactsOf<'shared-secret'>): Promise<Attempt[]> {
  const forged = jsonwebtoken.sign({}, secret, { subject: VICTIM, expiresIn: '10 years' });
  return [await impersonate(fleet, 'act as the administrator, with a token signed with the secret', forged)];
}

async function attackPublicKey(fleet: Fleet, facts: FactsOf<'public-key'>): Promise<Attempt[]> {
  const { issuer } = facts;
  const good = await fleet.logIn('ann');
  const kid = headerOf(good)['kid'];
  const thief = createTestIssuer({ issuer });
  const claims = { sub: VICTIM, aud: SERVICE };
  const tokens: Record<string, string> = {
    'act as the administrator, with a token signed with another key': thief.token(claims, {
      header: { kid },
    }),
    'the same, with the public key as the secret of HS256': signedWith(
      await publicPemOf(issuer),
      thief.claims(claims),
      kid,
    ),
    'the same, without a signature (alg none)': `${segment({ alg: 'none', typ: 'at+jwt', kid })}.${segment(thief.claims(claims))}.`,
    'the same, with a good token whose claims are changed': withClaims(good, thief.claims(claims)),
  };
  const attempts: Attempt[] = [];
  for (const [attempt, token] of Object.entries(tokens))
    attempts.push(await impersonate(fleet, attempt, token));
  await publish(facts, thief.statement({ epoch: 1_000_000 }));
  // NATS keeps the order: when this logout is seen, the message of the thief has arrived, if NATS let it pass.
  await logOut(fleet, { waitMs: 10_000 });
  const ofThief = thief.token(claims);
  attempts.push(await impersonate(fleet, 'the same, after publishing another key over NATS', ofThief));
  // A token is good for whoever holds it.
  attempts.push({
    attempt: 'act as a user of this instance, with a token that came in',
    succeeded: (await fleet.me(good)) === 'ann',
  });
  return attempts;
}

/** Sends it to an instance that was not stolen. */
async function impersonate(fleet: Fleet, attempt: string, credential: string): Promise<Attempt> {
  return { attempt, succeeded: (await fleet.me(credential, fleet.instances[1]!.url)) === VICTIM };
}

const headerOf = (token: string) => partOf(token, 0) as Record<string, unknown>;

const partOf = (jws: string, part: number): unknown =>
  JSON.parse(Buffer.from(jws.split('.')[part]!, 'base64url').toString());

/** Reads the signing key out of the statement, which everybody may read. */
async function publicPemOf(issuer: string): Promise<string> {
  const { text } = await exchange('GET', issuer + KEYSET_PATH);
  const { keys } = partOf(text, 1) as { keys: JsonWebKey[] };
  return createPublicKey({ key: keys[0]!, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
}

function signedWith(publicPem: string, claims: unknown, kid: unknown): string {
  const input = `${segment({ alg: 'HS256', typ: 'at+jwt', kid })}.${segment(claims)}`;
  return `${input}.${createHmac('sha256', publicPem).update(input).digest('base64url')}`;
}

function withClaims(token: string, claims: unknown): string {
  const [header, , signature] = token.split('.');
  return `${header}.${segment(claims)}.${signature}`;
}

/** With the NATS nkey of the stolen instance. Returns when NATS has read the message. */
async function publish({ natsUrl, nkeySeed }: FactsOf<'public-key'>, statement: string): Promise<void> {
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(nkeySeed));
  const connection = await connect({ servers: natsUrl, authenticator, timeout: 5_000 });
  connection.publish(KEYSET_SUBJECT, statement);
  await connection.flush();
  await connection.close();
}
