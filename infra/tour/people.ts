/** The people of the tour, and for each service the request that shows whether it accepts a token. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Exchange } from './exchange.js';
import type { Guide, ServiceName } from './guide.js';

/** A person who can log in. */
export interface Login {
  readonly email: string;
  readonly password: string;
}

/** A product, as inventory answers it. */
export interface Product {
  readonly sku: string;
  readonly priceCents: number;
  readonly stock: number;
}

/** A token and its audience. */
export interface Grant {
  readonly token: string;
  readonly audience: Audience;
}

/** The resource services that accept tokens. */
export type Audience = Extract<ServiceName, 'orders' | 'inventory'>;

/** A new login that is not registered yet. */
export const stranger = (): Login => ({
  email: `tour-${randomUUID()}@example.com`,
  password: randomBytes(18).toString('base64url'),
});

/** Logs in and prints nothing. @throws Error if the login is refused */
export async function tokenFor(guide: Guide, { email, password }: Login, audience: string): Promise<string> {
  const body = { email, password, audience };
  const answer = await guide.send<{ access_token: string }>('auth', 'POST /auth/login', { body });
  if (answer.status !== 200) throw new Error(`the login of ${email} was answered ${answer.status}`);
  return answer.body.access_token;
}

/** For each service, a request that it answers with 200 if it accepts the token. */
export function knock(product: Product) {
  const { sku, stock } = product;
  return {
    orders: { route: 'GET /orders' },
    // Sets the stock to the value that it had, because an administrator has no protected route there that only reads.
    inventory: { route: `PUT /products/${sku}/stock`, body: { stock } },
  } as const satisfies Record<Audience, { route: string; body?: unknown }>;
}

/** Sends this request and prints nothing. */
export function knockAt(guide: Guide, product: Product, { token, audience }: Grant): Promise<Exchange> {
  const { route, ...parts } = knock(product)[audience];
  return guide.send(audience, route, { token, ...parts });
}
