/** The tokens with which this service calls other services. */
import { LRUCache } from 'lru-cache';
import type { Bearer, KeyRing } from '#trust/nest';
import type { Deadline } from './deadline.js';
import type { IssuedToken, TokenRequest } from './token-endpoint.js';
import { UpstreamError } from './upstream.js';

/** Whose power a call uses, and which scopes of the callee. */
export type Authority =
  | { readonly onBehalfOf: Bearer; readonly scope: string }
  /** The service acts for itself, without an account. */
  | { readonly forItself: true; readonly scope: string };

/** How a token was found: held already, or asked for at auth by this call or by another one at the same time. */
export type TokenSource = 'cached' | 'shared' | 'requested';

interface ServiceTokensOptions {
  /** The name of this service. */
  readonly service: string;
  readonly request: (request: TokenRequest) => Promise<IssuedToken>;
  readonly ring: Pick<KeyRing, 'find' | 'revocations'>;
  /** How many tokens are held; default 10,000. The one that was not used for the longest time goes first. */
  readonly cacheSize?: number;
  readonly onFound?: (source: TokenSource, audience: string) => void;
  /** Milliseconds, of a clock that never goes back. */
  readonly now?: () => number;
}

interface HeldToken {
  readonly token: string;
  /** By the clock of `now`. */
  readonly goodUntil: number;
  readonly kid: string | undefined;
  /** Whether the key was in the ring when it was last looked for. */
  wasKeyKnown: boolean;
  /** What a revocation may name: of this token, and of the one that it was exchanged for. */
  readonly revocable: readonly Parameters<KeyRing['revocations']['revokes']>[0][];
}

const MAX_MARGIN_MS = 10_000;

/**
 * Gets tokens at auth and holds them. A token that was exchanged is found again by the `jti` of its subject token, never
 * by the account: it must not cross from one session to another. A held token is used until a tenth of its life is left,
 * or 10 s. It is dropped if a revocation names it, its session, its subject token or a client in its chain, and if its key
 * leaves the key ring. Calls that need the same token at the same time share one request to auth.
 */
export class ServiceTokens {
  private readonly held: LRUCache<string, HeldToken>;
  private readonly pending = new Map<string, Promise<string>>();
  private readonly now: () => number;

  constructor(private readonly options: ServiceTokensOptions) {
    this.held = new LRUCache({ max: options.cacheSize ?? 10_000 });
    this.now = options.now ?? (() => performance.now());
  }

  /**
   * Returns a token for this audience. The wait for auth ends with the deadline of the call.
   *
   * @throws ServiceError `invalid_token` if the token of the caller is no longer good
   * @throws UpstreamError
   */
  async get(audience: string, authority: Authority, deadline: Deadline): Promise<string> {
    const key = keyOf(audience, authority);
    const held = this.held.get(key);
    if (held && this.isGood(held)) {
      this.options.onFound?.('cached', audience);
      return held.token;
    }
    this.held.delete(key);
    const pending = this.pending.get(key);
    this.options.onFound?.(pending ? 'shared' : 'requested', audience);
    return before(deadline, pending ?? this.begin(key, audience, authority));
  }

  /** Drops this token, which the callee has refused. If another one is held by now, it stays. */
  drop(audience: string, authority: Authority, token: string): void {
    const key = keyOf(audience, authority);
    if (this.held.peek(key)?.token === token) this.held.delete(key);
  }

  /** The deadline of one call does not end the request, because other calls may wait for it. It has a limit of its own. */
  private begin(key: string, audience: string, authority: Authority): Promise<string> {
    const pending = this.request(key, audience, authority).finally(() => this.pending.delete(key));
    this.pending.set(key, pending);
    return pending;
  }

  private async request(key: string, audience: string, authority: Authority): Promise<string> {
    const { service, ring } = this.options;
    const askedAt = this.now();
    const bearer = 'onBehalfOf' in authority ? authority.onBehalfOf : undefined;
    const subject = bearer && { token: bearer.reveal(), sub: bearer.claims.sub };
    const issued = await this.options.request({ audience, scope: authority.scope, subject });
    const { token, expiresInSeconds, kid, jti } = issued;
    const lifeMs = expiresInSeconds * 1000;
    this.held.set(key, {
      token,
      goodUntil: askedAt + lifeMs - Math.min(MAX_MARGIN_MS, lifeMs / 10),
      kid,
      wasKeyKnown: ring.find(kid) !== undefined,
      // An encrypted token hides its jti. No token has an empty one, so no revocation names it.
      revocable: [{ jti: jti ?? '', client_id: service }, ...(bearer ? [bearer.claims] : [])],
    });
    return token;
  }

  private isGood(held: HeldToken): boolean {
    const { ring } = this.options;
    if (this.now() >= held.goodUntil) return false;
    const isKeyKnown = ring.find(held.kid) !== undefined;
    // A new key may reach auth's answer before it reaches our ring. That is no reason to drop the token.
    if (held.wasKeyKnown && !isKeyKnown) return false;
    held.wasKeyKnown = isKeyKnown;
    return held.revocable.every((claims) => ring.revocations.revokes(claims) === undefined);
  }
}

function keyOf(audience: string, authority: Authority): string {
  const jti = 'onBehalfOf' in authority ? authority.onBehalfOf.claims.jti : null;
  return JSON.stringify([jti, audience, authority.scope]);
}

/** @throws UpstreamError `upstream_timeout` */
async function before<T>(deadline: Deadline, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new UpstreamError('upstream_timeout', 'auth did not give a token in time')),
      deadline.remainingMs(),
    );
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
