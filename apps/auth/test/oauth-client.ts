/** A client of auth's endpoints of OAuth, as specs drive it: any assertion, any form. */
import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { decodeJwt } from 'jose';
import { createTestKey, signCompact, type Answer, type TestKey } from '#testing';
import { shareSigning } from '../src/key-set/signing-lock.js';
import { AccessTokenSigner, type SigningOptions } from '../src/tokens/access-token-signer.js';
import type { AuthFixture, AuthReplica } from './auth-fixture.js';

type Json = Record<string, unknown>;
/** A list sends a parameter several times; undefined removes it. */
export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>;
type Sender = Pick<AuthReplica, 'send'>;

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

export interface AssertionParts {
  readonly claims?: Json;
  readonly header?: Json;
  readonly signWith?: TestKey;
}

/** Registers a client in the database, with a key of its own, and returns ways to ask for tokens as this client. */
export async function registerClient(auth: Pick<AuthFixture, 'owner' | 'settings'> & Sender, id: string) {
  const key = createTestKey();
  const addKey = ({ kid, alg, publicJwk }: TestKey) =>
    auth.owner.query('INSERT INTO client_key (kid, client_id, alg, public_jwk) VALUES ($1, $2, $3, $4)', [
      ...[kid, id, alg, JSON.stringify(publicJwk)],
    ]);
  await auth.owner.query('INSERT INTO client (id) VALUES ($1) ON CONFLICT DO NOTHING', [id]);
  await addKey(key);

  /** An assertion that is good unless the parts say otherwise. */
  function assertion({ claims, header, signWith = key }: AssertionParts = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: id, sub: id, aud: auth.settings.issuer, iat: now, exp: now + 60, jti: randomUUID() };
    const usualHeader = { alg: signWith.alg, typ: 'client-authentication+jwt', kid: signWith.kid };
    return signCompact({ ...usualHeader, ...header }, { ...usual, ...claims }, signWith);
  }

  /** Sends a form with a good assertion, to the token endpoint unless a path is given. Parameters replace the usual ones. */
  function post(
    parameters: Parameters,
    at: Sender = auth,
    headers: Record<string, string> = {},
    path?: string,
  ): Promise<Answer> {
    const authentication = { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion() };
    return postForm(at, { ...authentication, ...parameters }, headers, path);
  }

  return {
    id,
    key,
    addKey,
    assertion,
    post,
    /** Asks for a token for the client itself. */
    credentials: (parameters: Parameters = {}, at?: Sender) =>
      post({ grant_type: 'client_credentials', audience: 'inventory', ...parameters }, at),
    /** Exchanges a token for one for inventory. */
    exchange: (token: string, parameters: Parameters = {}, at?: Sender) =>
      post(
        {
          ...{
            grant_type: EXCHANGE,
            audience: 'inventory',
            subject_token: token,
            subject_token_type: ACCESS_TOKEN,
          },
          ...parameters,
        },
        at,
      ),
    introspect: (token: string, parameters: Parameters = {}, at?: Sender) =>
      post({ token, ...parameters }, at, {}, '/oauth/introspect'),
    revoke: (token: string, parameters: Parameters = {}, at?: Sender) =>
      post({ token, ...parameters }, at, {}, '/oauth/revoke'),
    disable: () => auth.owner.query('UPDATE client SET disabled_at = now() WHERE id = $1', [id]),
    enable: () => auth.owner.query('UPDATE client SET disabled_at = NULL WHERE id = $1', [id]),
  };
}

export function postForm(
  at: Sender,
  parameters: Parameters,
  headers: Record<string, string> = {},
  path = '/oauth/token',
): Promise<Answer> {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, one]),
  );
  return at.send('POST', path, {
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(pairs).toString(),
  });
}

/** Signs any claims with the active key, as only auth can. By default they are those of the token `like`. */
export async function signLike(
  auth: Pick<AuthFixture, 'app' | 'dataSource'>,
  like: string,
  claims: Json = {},
  options?: SigningOptions,
): Promise<string> {
  const { iss: _, iat: __, exp: ___, jti: ____, ...usual } = decodeJwt(like);
  const all = Object.fromEntries(
    Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined),
  );
  const signer = auth.app.get(AccessTokenSigner, { strict: false });
  const { token } = await auth.dataSource.transaction(async (tx) => {
    const key = await signer.activeKey(await shareSigning(tx));
    return signer.sign(key, all as never, options);
  });
  return token;
}

/** A chain of actors, the present one first. */
export const chainOf = (...actors: string[]): object | undefined =>
  actors.reduceRight<object | undefined>((act, sub) => ({ sub, ...(act && { act }) }), undefined);

/** What RFC 6749 §5.2 asks of an error, as a matcher for `toMatchObject`. */
export function oauthError(error: string, status = error === 'invalid_client' ? 401 : 400) {
  return { status, body: { error, error_description: expect.stringMatching(/^[ !#-[\]-~]+$/) } };
}
