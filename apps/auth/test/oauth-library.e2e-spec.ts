/** A client library that knows nothing of Signet (oauth4webapi) finds the endpoint, authenticates and gets tokens. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { ACCESS_TOKEN, EXCHANGE, registerClient } from './oauth-client.js';

const client: oauth.Client = { client_id: 'orders' };
let auth: AuthFixture;
let server: oauth.AuthorizationServer;
/** With the kid and without it. */
let authentications: oauth.ClientAuth[];
let foreign: oauth.ClientAuth;

/** The issuer is a name here. Its host does not exist, so requests go to where auth listens. */
const options = {
  [oauth.customFetch]: (url: string, init: object) =>
    fetch(url.replace(auth.settings.issuer, auth.url), init),
};

beforeAll(async () => {
  auth = await startAuth();
  const { key } = await registerClient(auth, 'orders');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const pkcs8 = key.privateKey.export({ type: 'pkcs8', format: 'der' });
  const own = await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
  authentications = [oauth.PrivateKeyJwt({ key: own, kid: key.kid }), oauth.PrivateKeyJwt(own)];
  const pair = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
  foreign = oauth.PrivateKeyJwt(pair.privateKey);
  const issuer = new URL(auth.settings.issuer);
  const discovered = await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' });
  server = await oauth.processDiscoveryResponse(issuer, discovered);
}, 60_000);
afterAll(() => auth?.close());

describe('an unchanged client library', () => {
  it('gets a token for the client itself', async () => {
    for (const authentication of authentications) {
      const asked = await oauth.clientCredentialsGrantRequest(
        ...([server, client, authentication, { resource: 'https://inventory.test' }, options] as const),
      );
      const { access_token, scope } = await oauth.processClientCredentialsResponse(server, client, asked);
      expect(scope).toBe('inventory:reserve');
      expect(decodeJwt(access_token)).toMatchObject({ sub: 'orders', aud: 'inventory' });
    }
  });

  it('exchanges the token of an account', async () => {
    const parameters = {
      ...{ subject_token: await auth.login(), subject_token_type: ACCESS_TOKEN },
      ...{ audience: 'inventory', scope: 'inventory:reserve' },
    };
    const asked = await oauth.genericTokenEndpointRequest(
      ...([server, client, authentications[0]!, EXCHANGE, parameters, options] as const),
    );
    const { access_token, issued_token_type } = await oauth.processGenericTokenEndpointResponse(
      ...([server, client, asked] as const),
    );
    expect(issued_token_type).toBe(ACCESS_TOKEN);
    expect(decodeJwt(access_token)).toMatchObject({ aud: 'inventory', act: { sub: 'orders' } });
  });

  it('asks whether a token is good, gives it back, and asks again', async () => {
    const authentication = authentications[0]!;
    const asked = await oauth.clientCredentialsGrantRequest(
      ...([server, client, authentication, { audience: 'inventory' }, options] as const),
    );
    const { access_token: token } = await oauth.processClientCredentialsResponse(server, client, asked);
    const introspect = async () => {
      const answer = await oauth.introspectionRequest(server, client, authentication, token, options);
      return oauth.processIntrospectionResponse(server, client, answer);
    };
    expect(await introspect()).toMatchObject({ active: true, sub: 'orders', aud: 'inventory' });
    const revoked = await oauth.revocationRequest(server, client, authentication, token, options);
    expect(await oauth.processRevocationResponse(revoked)).toBeUndefined();
    expect(await introspect()).toEqual({ active: false });
    const foreign = await oauth.revocationRequest(
      ...([server, client, authentication, await auth.login(), options] as const),
    );
    await expect(oauth.processRevocationResponse(foreign)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it.each<[string, string, number]>([
    ['its own refusal', 'invalid_client', 401],
    ['the refusal of its target', 'invalid_target', 400],
  ])('understands %s', async (_what, error, status) => {
    const authentication = error === 'invalid_client' ? foreign : authentications[0]!;
    const asked = await oauth.clientCredentialsGrantRequest(
      ...([server, client, authentication, { audience: 'billing' }, options] as const),
    );
    await expect(oauth.processClientCredentialsResponse(server, client, asked)).rejects.toMatchObject({
      name: 'ResponseBodyError',
      error,
      status,
    });
  });
});
