/** Step 15: one request goes through two services, and each of them gets a token that is made for it. */
import { randomUUID } from 'node:crypto';
import {
  ACCESS_TOKEN_TYPE,
  CLIENT_CREDENTIALS,
  JWT_BEARER,
  signAssertion,
  TOKEN_EXCHANGE,
} from '#service-kit';
import type { Exchange } from './exchange.js';
import type { Guide } from './guide.js';
import type { Login } from './people.js';
import { shortKid, shortToken } from './presentation.js';
import { decode } from './tokens.js';

interface Cast {
  readonly customer: Login;
  readonly product: { readonly sku: string };
  /** The private key of orders. The tour plays orders, to show what is otherwise between orders and auth alone. */
  readonly clientKeyFile: string;
}

/** Step 15. */
export const followOrder = (guide: Guide, { customer, product, clientKeyFile }: Cast) =>
  guide.step(
    'Follow one order through two services',
    'orders must reserve goods at inventory for the customer. It does not pass the token of the customer on. It ' +
      'proves itself to auth by its own key, and exchanges the token for one that is good at inventory only.',
    async () => {
      const login = { body: customer, expect: 200 };
      const { access_token: token } = (
        await guide.ask<{ access_token: string }>('auth', 'POST /auth/login', login)
      ).body;
      const lines = [{ sku: product.sku, quantity: 1 }];
      const headers = { 'idempotency-key': randomUUID() };
      const placed = { token, headers, body: { lines }, expect: 201 };
      const { id } = (await guide.ask<{ id: string }>('orders', 'POST /orders', placed)).body;

      guide.say('The tour has the key of orders here, and plays orders: it exchanges the same token.');
      const askAs = await ordersAtAuth(guide, clientKeyFile);
      const exchanged = tokenOf(await askAs({ grant_type: TOKEN_EXCHANGE, subject_token: token }));
      guide.lines(chain([token, exchanged]));
      const [first, second] = [decode(token).claims, decode(exchanged).claims];
      guide.check(first['sub'] === second['sub'], 'both are for the same customer');
      guide.check(first['sid'] === second['sid'], 'both end with the same session');
      guide.check(second['txn'] === first['jti'], 'txn names the first token: to revoke it revokes both');
      guide.check(Number(second['exp']) <= Number(first['exp']), 'the exchange has prolonged nothing');

      const reservation = `GET /reservations/${id}`;
      const held = await guide.ask<{ status: string }>('inventory', reservation, {
        token: exchanged,
        expect: 200,
      });
      guide.check(held.body.status === 'held', 'inventory keeps the goods of this order');

      guide.say('What each hop refuses. The token of the customer, at inventory:');
      await guide.ask('inventory', reservation, { token, expect: 401 });
      guide.say('The token for inventory, at orders and at auth:');
      await guide.ask('orders', 'GET /orders', { token: exchanged, expect: 401 });
      await guide.ask('auth', 'GET /auth/me', { token: exchanged, expect: 401 });
      guide.say('A token that orders gets for itself, without a customer:');
      const own = tokenOf(await askAs({ grant_type: CLIENT_CREDENTIALS }));
      await guide.ask('inventory', reservation, { token: own, expect: 403 });
      guide.say('More than the policy of auth permits orders:');
      const more = await askAs({
        grant_type: TOKEN_EXCHANGE,
        subject_token: token,
        scope: 'inventory:write',
      });
      guide.check(more.status === 400, `auth answers ${more.text}`);

      await guide.ask('orders', `POST /orders/${id}/cancel`, { token, expect: 200 });
      const { body } = await guide.ask<{ status: string }>('inventory', reservation, {
        token: exchanged,
        expect: 200,
      });
      guide.check(body.status === 'released', 'the order is cancelled, and its goods are in stock again');
      guide.learned(
        'A service acts with a token for that one call',
        'aud inventory, act orders, no wider scope',
      );
    },
  );

/** Sends requests to the token endpoint as orders. Each has a new assertion, because auth accepts each only once. */
async function ordersAtAuth(guide: Guide, keyFile: string) {
  const { issuer } = (
    await guide.send<{ issuer: string }>('auth', 'GET /.well-known/oauth-authorization-server')
  ).body;
  return async ({ subject_token: subject, ...request }: Record<string, string>) => {
    const form = new URLSearchParams({
      audience: 'inventory',
      ...request,
      ...(subject !== undefined && { subject_token: subject, subject_token_type: ACCESS_TOKEN_TYPE }),
      client_assertion_type: JWT_BEARER,
      client_assertion: await signAssertion({ client: 'orders', issuer, keyFile }),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return guide.send<{ access_token: string }>('auth', 'POST /oauth/token', { headers, body: String(form) });
  };
}

function tokenOf({ status, text, body }: Exchange<{ access_token: string }>): string {
  if (status !== 200) throw new Error(`auth POST /oauth/token answered ${status}: ${text}`);
  return body.access_token;
}

/** A table with a column for each token. */
function chain(tokens: readonly string[]): string[] {
  const columns = tokens.map((token) => {
    const { header, claims } = decode(token);
    const text = (name: string) => (claims[name] === undefined ? '–' : JSON.stringify(claims[name]));
    return [
      shortToken(token),
      ...['aud', 'scope', 'client_id', 'act', 'jti', 'txn'].map(text),
      shortKid(header.kid),
    ];
  });
  const names = ['token', 'aud', 'scope', 'client_id', 'act', 'jti', 'txn', 'signed by'];
  return names.map((name, row) =>
    [name.padEnd(10), ...columns.map((column) => column[row]!.padEnd(42))].join(' ').trimEnd(),
  );
}
