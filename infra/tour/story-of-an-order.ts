/** Steps 15 and 16, about the demo: one request goes through two services, and each gets a token that is made for it. */
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
import { verdicts } from './observations.js';
import { tokenFor, type Login } from './people.js';
import { shortKid, shortToken } from './presentation.js';
import { decode, kidOf } from './tokens.js';

/** A product, as inventory answers it. */
interface Product {
  readonly sku: string;
  readonly priceCents: number;
  readonly stock: number;
}

interface Cast {
  readonly customer: Login;
  /** The private key of orders. The tour plays orders, to show what is otherwise between orders and auth alone. */
  readonly clientKeyFile: string;
}

/** Tells both steps. */
export async function tellOrder(guide: Guide, { customer, clientKeyFile }: Cast): Promise<void> {
  const token = await tokenFor(guide, customer, 'orders');
  const product = await placeOrder(guide, token);
  await followOrder(guide, token, product, clientKeyFile);
}

/** What both steps order together. */
const PIECES = 3;

/** Step 15. */
const placeOrder = (guide: Guide, token: string) =>
  guide.step(
    'Read products, place an order',
    'The customer orders something with the token. orders checks the token by itself. Then it asks inventory for the ' +
      'price, and reserves the goods there (step 16). The network can fail after the order was made and before the answer arrives. So the request ' +
      'has an Idempotency-Key: the client can repeat it without a second order.',
    async () => {
      const { items } = (await guide.ask<{ items: Product[] }>('inventory', 'GET /products', { expect: 200 }))
        .body;
      const product = items.find(({ stock }) => stock >= PIECES);
      if (!product) throw new Error(`no product on the first page has ${PIECES} pieces in stock`);
      const body = { lines: [{ sku: product.sku, quantity: 2 }] };
      const request = { token, headers: { 'idempotency-key': randomUUID() }, body, expect: 201 };
      const [before, acceptedBefore] = [
        await priceLookups(guide),
        await verdicts(guide, 'orders', 'accepted'),
      ];
      const first = await guide.ask<{ id: string; totalCents: number }>('orders', 'POST /orders', request);
      const lookups = (await priceLookups(guide)) - before;
      guide.check(
        first.body.totalCents === 2 * product.priceCents,
        'the order has the price that inventory says',
      );
      guide.check(
        lookups > 0,
        `orders asked inventory: GET /products/:sku, counted in its /metrics (${lookups})`,
      );
      const second = await guide.ask<{ id: string }>('orders', 'POST /orders', request);
      guide.check(
        second.body.id === first.body.id,
        'the same request with the same Idempotency-Key returns the same order',
      );
      const accepted = (await verdicts(guide, 'orders', 'accepted')) - acceptedBefore;
      guide.key(
        `orders verified with the public half of ${shortKid(kidOf(token))} (its /trust counts ${accepted} accepted requests)`,
      );
      guide.learned('A repeated request makes one order', `twice order ${first.body.id.slice(0, 8)}`);
      return product;
    },
  );

/** How often a client has asked inventory for a single product. The number is inventory's own counter. */
async function priceLookups(guide: Guide): Promise<number> {
  const answers = await guide.sendToEach<string>('inventory', 'GET /metrics');
  const counted = /^http_request_duration_seconds_count\{.*route="\/products\/:sku",status="200"\} (\d+)$/m;
  return answers.reduce((sum, { body }) => sum + Number(counted.exec(body)?.[1] ?? 0), 0);
}

/** Step 16. */
const followOrder = (guide: Guide, token: string, product: Product, clientKeyFile: string) =>
  guide.step(
    'Follow one order through two services',
    'orders must reserve goods at inventory for the customer. It does not pass the token of the customer on. It ' +
      'proves itself to auth by its own key, and exchanges the token for one that is good at inventory only.',
    async () => {
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
