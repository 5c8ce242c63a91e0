/** Client libraries that know nothing of Signet get tokens, unchanged and over TLS: openid-client and oauth4webapi. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { createTestKey, type TestKey } from '#testing';
import { ACCESS_TOKEN, EXCHANGE, registerClient } from './oauth-client.js';
import { startTlsAuth, type TlsAuth } from './tls-auth.js';
import { failureOf, trusting, UNKNOWN_AUTHORITY, type Trust } from './trusting.js';

type Parameters = Record<string, string>;

/** What a service does with its library. */
interface ClientLibrary {
  credentials(parameters: Parameters): Promise<oauth.TokenEndpointResponse>;
  exchange(parameters: Parameters): Promise<oauth.TokenEndpointResponse>;
  introspect(token: string): Promise<oauth.IntrospectionResponse>;
  revoke(token: string): Promise<void>;
}

/** Which of the two metadata documents: RFC 8414 or OpenID Connect Discovery. */
type Discovery = 'oauth2' | 'oidc';

interface Start {
  readonly discovery?: Discovery;
  readonly key?: oauth.CryptoKey | oauth.PrivateKey;
  readonly trust?: Trust;
}

const CLIENT = 'orders';
let auth: TlsAuth;
let trusted: Trust;
let key: TestKey;
let ownKey: oauth.CryptoKey;

const libraries: Record<string, (start?: Start) => Promise<ClientLibrary>> = {
  async 'openid-client'({ discovery = 'oauth2', key = ownKey, trust = trusted } = {}) {
    const config = await openid.discovery(
      ...([new URL(auth.issuer), CLIENT, undefined, openid.PrivateKeyJwt(key)] as const),
      { algorithm: discovery, [openid.customFetch]: trust.fetch },
    );
    return {
      credentials: (parameters) => openid.clientCredentialsGrant(config, parameters),
      exchange: (parameters) => openid.genericGrantRequest(config, EXCHANGE, parameters),
      introspect: (token) => openid.tokenIntrospection(config, token),
      revoke: (token) => openid.tokenRevocation(config, token),
    };
  },

  async oauth4webapi({ discovery = 'oauth2', key = ownKey, trust = trusted } = {}) {
    const [client, authentication] = [{ client_id: CLIENT }, oauth.PrivateKeyJwt(key)];
    const options = { [oauth.customFetch]: trust.fetch };
    const issuer = new URL(auth.issuer);
    const discovered = await oauth.discoveryRequest(issuer, { ...options, algorithm: discovery });
    const server = await oauth.processDiscoveryResponse(issuer, discovered);
    return {
      async credentials(parameters) {
        const request = [server, client, authentication, parameters, options] as const;
        const answer = await oauth.clientCredentialsGrantRequest(...request);
        return oauth.processClientCredentialsResponse(server, client, answer);
      },
      async exchange(parameters) {
        const request = [server, client, authentication, EXCHANGE, parameters, options] as const;
        const answer = await oauth.genericTokenEndpointRequest(...request);
        return oauth.processGenericTokenEndpointResponse(server, client, answer);
      },
      async introspect(token) {
        const answer = await oauth.introspectionRequest(server, client, authentication, token, options);
        return oauth.processIntrospectionResponse(server, client, answer);
      },
      async revoke(token) {
        await oauth.processRevocationResponse(
          await oauth.revocationRequest(server, client, authentication, token, options),
        );
      },
    };
  },
};

beforeAll(async () => {
  auth = await startTlsAuth();
  trusted = trusting(auth.authority);
  ({ key } = await registerClient(auth, CLIENT));
  ownKey = await webKey(key);
}, 60_000);
afterAll(() => auth?.close());

describe.each(Object.entries(libraries))('%s', (_name, start) => {
  it.each<Discovery>(['oauth2', 'oidc'])(
    'gets a token for the client itself, from %s discovery',
    async (discovery) => {
      const library = await start({ discovery });
      for (const target of [{ audience: 'inventory' }, { resource: 'https://inventory.test' }]) {
        const { access_token, scope } = await library.credentials(target);
        expect(scope).toBe('inventory:reserve');
        expect(decodeJwt(access_token)).toMatchObject({ iss: auth.issuer, sub: CLIENT, aud: 'inventory' });
      }
    },
  );

  it('sends the kid of its key, if it is told the kid', async () => {
    const library = await start({ key: { key: ownKey, kid: key.kid } });
    await expect(library.credentials({ audience: 'inventory' })).resolves.toHaveProperty('access_token');
    const other = await start({ key: { key: ownKey, kid: createTestKey().kid } });
    await expect(other.credentials({ audience: 'inventory' })).rejects.toMatchObject(
      refused('invalid_client'),
    );
  });

  it.each<Discovery>(['oauth2', 'oidc'])(
    'exchanges the token of an account, from %s discovery',
    async (discovery) => {
      const subject = await auth.login();
      const library = await start({ discovery });
      const { access_token, issued_token_type } = await library.exchange({
        ...{ subject_token: subject, subject_token_type: ACCESS_TOKEN },
        ...{ audience: 'inventory', scope: 'inventory:reserve' },
      });
      expect(issued_token_type).toBe(ACCESS_TOKEN);
      const { sub, sid } = decodeJwt(subject);
      expect(decodeJwt(access_token)).toMatchObject({ sub, sid, aud: 'inventory', act: { sub: CLIENT } });
    },
  );

  it('understands the refusal of a foreign key', async () => {
    const library = await start({ key: await webKey(createTestKey()) });
    await expect(library.credentials({ audience: 'inventory' })).rejects.toMatchObject(
      refused('invalid_client'),
    );
  });

  it('understands the refusal of a target, and of a bad subject token', async () => {
    const library = await start();
    await expect(library.credentials({ audience: 'billing' })).rejects.toMatchObject(
      refused('invalid_target'),
    );
    await expect(
      library.exchange({
        ...{ subject_token: `${await auth.login()}A`, subject_token_type: ACCESS_TOKEN },
        audience: 'inventory',
      }),
    ).rejects.toMatchObject(refused('invalid_grant'));
  });

  it('asks whether a token is active, and revokes it', async () => {
    const library = await start();
    const { access_token } = await library.credentials({ audience: 'inventory' });
    expect(await library.introspect(access_token)).toMatchObject({ active: true, sub: CLIENT });
    await library.revoke(access_token);
    expect(await library.introspect(access_token)).toEqual({ active: false });
  });

  it('does not connect if it does not trust the authority', async () => {
    expect(await failureOf(start({ trust: trusting() }))).toMatch(UNKNOWN_AUTHORITY);
  });
});

/** The error of both libraries for an answer of RFC 6749 §5.2. */
const refused = (error: string) => ({
  name: 'ResponseBodyError',
  error,
  status: error === 'invalid_client' ? 401 : 400,
});

function webKey({ privateKey }: TestKey): Promise<oauth.CryptoKey> {
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  return crypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
}
