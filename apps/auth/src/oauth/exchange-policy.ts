/** Which service may call which other service, with which scopes. Nothing else gives a service a token. */
import type { Scope } from '#trust/nest';
import { OAuthError } from './oauth-error.js';

export interface Permission {
  /** The client that asks for the token. */
  readonly caller: string;
  /** The audience of the token. */
  readonly callee: string;
  /** The scope that the exchanged token must have. Null: the caller acts for itself, without a token of an account. */
  readonly needs: Scope | null;
  readonly grants: readonly Scope[];
}

/** The permissions of the running auth, as a provider: specs of auth have permissions of their own. */
export const PERMISSIONS = Symbol('PERMISSIONS');

export const permissions: readonly Permission[] = [
  // To reserve the goods of an order, for the customer who places it.
  { caller: 'orders', callee: 'inventory', needs: 'orders:write', grants: ['inventory:reserve'] },
  // For work after the token of the customer has expired. No route of inventory accepts it yet: those want a customer.
  { caller: 'orders', callee: 'inventory', needs: null, grants: ['inventory:reserve'] },
];

/** All scopes that only services get. */
export function exchangedScopes(rows: readonly Permission[]): string[] {
  return [...new Set(rows.flatMap(({ grants }) => grants))];
}

export interface ScopeRequest {
  readonly caller: string;
  readonly callee: string;
  /** The scopes of the token to exchange. Undefined if the caller acts for itself. */
  readonly held: readonly string[] | undefined;
  /** The value of the parameter `scope`. Without it, the caller asks for everything that it may have. */
  readonly asked: string | undefined;
}

/**
 * The scopes that a caller gets, as the claim `scope`.
 *
 * @throws OAuthError `invalid_target` · `unauthorized_client` · `invalid_scope`
 */
export function grantedScope(
  rows: readonly Permission[],
  { caller, callee, held, asked }: ScopeRequest,
): string {
  const ofPair = rows.filter((row) => row.caller === caller && row.callee === callee);
  if (ofPair.length === 0) throw new OAuthError('invalid_target');
  const ofGrant = ofPair.filter(({ needs }) => (needs === null) === (held === undefined));
  if (ofGrant.length === 0) throw new OAuthError('unauthorized_client');
  const granted = ofGrant
    .filter(({ needs }) => needs === null || held!.includes(needs))
    .flatMap(({ grants }): readonly string[] => grants);
  const scopes = new Set(asked?.split(' ') ?? granted);
  if (scopes.size === 0 || ![...scopes].every((scope) => granted.includes(scope)))
    throw new OAuthError('invalid_scope');
  return [...scopes].join(' ');
}

/**
 * The one service that a request names, by its URL or by its name.
 *
 * @throws OAuthError `invalid_target` if it names none, several, or an unknown URL
 */
export function targetOf(
  { resources, audiences }: { resources: readonly string[]; audiences: readonly string[] },
  known: readonly { audience: string; url: string }[],
): string {
  const [named, ...more] = [...resources.map((url) => audienceAt(url, known)), ...audiences];
  if (named === undefined || more.length > 0) throw new OAuthError('invalid_target');
  return named;
}

/** A URL without a path is the same with a slash at its end (RFC 3986 §6.2.3). */
function audienceAt(url: string, known: readonly { audience: string; url: string }[]): string {
  const found = known.find((resource) => url === resource.url || url === `${resource.url}/`);
  if (!found) throw new OAuthError('invalid_target');
  return found.audience;
}
