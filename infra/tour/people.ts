/** The people of the tour, and the request that shows whether a service accepts a token. */
import { randomBytes, randomUUID } from 'node:crypto';
import { guardedServices, type GuardedService } from '../system/services.js';
import type { Exchange } from './exchange.js';
import type { Guide } from './guide.js';

/** A person who can log in. */
export interface Login {
  readonly email: string;
  readonly password: string;
}

/** The customer of the tour, and the administrator. */
export interface Cast {
  readonly customer: Login;
  readonly admin: Login;
}

/** A token and the service that it is for. */
export interface Grant {
  readonly token: string;
  readonly service: GuardedService;
}

/** The service that the customer uses. */
export const customerService = guardedServices[0]!;

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

/** A new token for a service, of whoever may use it. */
export async function grantFor(guide: Guide, service: GuardedService, cast: Cast): Promise<Grant> {
  const login = cast[service.guardedRoute.role];
  return { service, token: await tokenFor(guide, login, service.name) };
}

/** Shows a token to its service, and prints nothing. */
export function knock(guide: Guide, { token, service }: Grant): Promise<Exchange> {
  const { route, body } = service.guardedRoute;
  return guide.send(service.name, route, { token, body });
}

/** Shows a token to its service, or sends no token, and prints the request with its answer. */
export function knockAloud(
  guide: Guide,
  { token, service }: { token: string | undefined; service: GuardedService },
  expect: 200 | 401,
): Promise<Exchange> {
  const { route, body } = service.guardedRoute;
  return guide.ask(service.name, route, { token, body, expect });
}
