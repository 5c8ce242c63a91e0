/**
 * Follows the JWKS of any OpenID Provider or OAuth server, such as Keycloak, Auth0 or Entra, for a verifier of another
 * library. A JWKS has no signature, no date and no revocations. So this source knows a new key when the first token names
 * it, and the removal of a key only after its next fetch. Our own verifier does not take it: that one needs statements.
 */
import type { KeyObject } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  admitPublicJwk,
  algorithmNames,
  JwsError,
  parseJsonObject,
  type JsonObject,
  type PublicKey,
} from '#jws';
import { readBoundedBody } from '../bounded-body.js';
import { messageOf } from '../message-of.js';
import { neverThrowing } from '../never-throwing.js';
import { onlyChanges } from '../only-changes.js';
import { shareRuns } from '../shared-runs.js';
import { TrustError } from '../trust-error.js';
import { createUnknownKidRetry } from '../unknown-kid.js';
import { requireAlgorithm, type KeyHeader, type KeySource } from './key-source.js';

const METADATA_PATH = '/.well-known/openid-configuration';
const FETCH_INTERVAL_MS = 1_000;
const RETRY_SECONDS = 5;
const MAX_BYTES = 256 * 1024;
const MAX_KEYS = 100;
/** A week. */
const MAX_SECONDS = 604_800;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Where the keys are: one of `issuer` and `jwksUri` is needed. Times are in seconds. */
export interface JwksKeySourceOptions {
  /** The exact `issuer` of the metadata, which say where the JWKS is (OpenID Connect Discovery 1.0 §4). */
  readonly issuer?: string;
  /** The address of the JWKS. Then no metadata are fetched. */
  readonly jwksUri?: string;
  /** How often the keys are fetched. A key that was removed is accepted for as long. Default 300. */
  readonly refreshSeconds?: number;
  /** How long the last keys are used while the issuer cannot be reached. Default 3,600. */
  readonly maxAgeSeconds?: number;
  /** How long a request may take. Default 5. */
  readonly timeoutSeconds?: number;
  /** Allows `http:` to another machine. Then anybody on the way can replace the keys. */
  readonly allowHttp?: boolean;
  /** Receives a message for each change in whether the keys can be fetched. It holds no token. Default: nobody. */
  readonly log?: (message: string) => void;
}

export class JwksKeySource implements KeySource {
  private readonly options: Required<Omit<JwksKeySourceOptions, 'log'>>;
  private readonly stopping = new AbortController();
  private readonly report: (fault: string | undefined) => void;
  private readonly reportLeftOut: (message: string | undefined) => void;
  private readonly retryUnknownKid: ReturnType<typeof createUnknownKidRetry>;
  private keys: ReadonlyMap<string, PublicKey> = new Map();
  /** When the keys were fetched, by a clock that nobody can set. Milliseconds. */
  private fetchedAt = -Infinity;
  private discovered: string | undefined;
  private following: Promise<void> | undefined;

  /** @throws Error if an address is missing or is not allowed · RangeError if a time is out of bounds */
  constructor({ issuer = '', jwksUri = '', ...options }: JwksKeySourceOptions) {
    const { refreshSeconds = 300, maxAgeSeconds = 3_600, timeoutSeconds = 5 } = options;
    const { allowHttp = false } = options;
    const log = neverThrowing(options.log ?? (() => undefined));
    if ((issuer === '') === (jwksUri === '')) throw new Error('a JWKS key source needs issuer or jwksUri');
    requireTimes({ refreshSeconds, maxAgeSeconds, timeoutSeconds });
    this.options = { issuer, jwksUri, refreshSeconds, maxAgeSeconds, timeoutSeconds, allowHttp };
    this.requireSecure(issuer || jwksUri, { allowLoopback: true });
    this.report = onlyChanges((fault) => log(fault ?? 'the keys of the issuer can be fetched'));
    this.reportLeftOut = onlyChanges((message) => log(message ?? 'all keys of the issuer can be used'));
    this.retryUnknownKid = createUnknownKidRetry({ refresh: this.fetchNewest });
  }

  /** Fetches the keys, now and every `refreshSeconds`. Resolves after the first fetch, also if it failed. */
  async start(): Promise<void> {
    this.following ??= this.follow();
    await this.fetchNewest();
  }

  /** Ends what {@link start} began. */
  async close(): Promise<void> {
    this.stopping.abort();
    await Promise.all([this.following, this.fetchNewest.settled()]);
  }

  /**
   * Finds the key for a token. Waits for a fetch, at most 1.5 s, if the kid is unknown: all such tokens together cause one
   * fetch a second.
   *
   * @throws TrustError `unknown_kid` · `alg_mismatch` · `trust_stale` if the issuer cannot be asked
   */
  keyFor(header: KeyHeader): Promise<KeyObject> {
    return this.retryUnknownKid(() => this.find(header));
  }

  /** The kids that are used now, and the age of the answer that had them, in seconds. */
  facts(): { kids: string[]; age: number | null } {
    const age = this.ageSeconds();
    return { kids: [...this.keys.keys()], age: Number.isFinite(age) ? Math.round(age * 1000) / 1000 : null };
  }

  private find(header: KeyHeader): KeyObject {
    const isUsable = this.ageSeconds() <= this.options.maxAgeSeconds;
    const key = isUsable && typeof header.kid === 'string' ? this.keys.get(header.kid) : undefined;
    if (!key) throw new TrustError('unknown_kid', 'the issuer has no such key');
    requireAlgorithm(header, key.alg);
    return key.key;
  }

  private ageSeconds(): number {
    return (performance.now() - this.fetchedAt) / 1000;
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.discovered = undefined; // the issuer may have moved its JWKS
      const succeeded = await this.fetchNewest();
      const { refreshSeconds } = this.options;
      const pause = succeeded ? refreshSeconds : Math.min(RETRY_SECONDS, refreshSeconds);
      await delay(pause * 1000, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Fetches the keys. Resolves with whether that succeeded. Never rejects. */
  private readonly fetchNewest = shareRuns(async () => {
    if (this.stopping.signal.aborted) return false;
    try {
      const beganAt = performance.now();
      this.take(await this.fetchJson(await this.findJwksUri()));
      this.fetchedAt = beganAt;
      this.report(undefined);
      return true;
    } catch (error) {
      this.discovered = undefined;
      if (!this.stopping.signal.aborted) this.report(`the keys cannot be fetched: ${messageOf(error)}`);
      return false;
    }
  }, FETCH_INTERVAL_MS);

  private async findJwksUri(): Promise<string> {
    const { issuer, jwksUri } = this.options;
    if (jwksUri !== '') return jwksUri;
    return (this.discovered ??= await this.discover(issuer));
  }

  private async discover(issuer: string): Promise<string> {
    const metadata = await this.fetchJson(issuer.replace(/\/+$/, '') + METADATA_PATH);
    if (metadata['issuer'] !== issuer) throw new Error('the metadata are of another issuer');
    const uri = metadata['jwks_uri'];
    if (typeof uri !== 'string') throw new Error('the metadata have no jwks_uri');
    // Otherwise an issuer elsewhere could make this program send requests to its own machine.
    this.requireSecure(uri, { allowLoopback: LOOPBACK.test(new URL(issuer).hostname) });
    return uri;
  }

  /** @throws Error */
  private requireSecure(address: string, { allowLoopback }: { allowLoopback: boolean }): void {
    const { protocol, hostname, href } = new URL(address);
    const mayUseHttp = this.options.allowHttp || (allowLoopback && LOOPBACK.test(hostname));
    if (protocol === 'https:' || (protocol === 'http:' && mayUseHttp)) return;
    throw new Error(`${href} is not allowed. Expected: https`);
  }

  private async fetchJson(url: string): Promise<JsonObject> {
    const timeout = AbortSignal.timeout(this.options.timeoutSeconds * 1000);
    const signal = AbortSignal.any([this.stopping.signal, timeout]);
    const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`${url} answers ${response.status}`);
    }
    const body = await readBoundedBody(response, MAX_BYTES);
    if (body === undefined) throw new Error(`the answer of ${url} has more than ${MAX_BYTES} bytes`);
    return parseJsonObject(body, `the answer of ${url}`);
  }

  /** Takes over the keys of a JWKS (RFC 7517 §5). A key that cannot be used here is left out. */
  private take({ keys: jwks }: JsonObject): void {
    if (!Array.isArray(jwks) || jwks.length > MAX_KEYS)
      throw new Error(`the JWKS has no list of at most ${MAX_KEYS} keys`);
    const keys = new Map<string, PublicKey>();
    for (const jwk of jwks as unknown[]) {
      if (!isJwk(jwk) || keys.has(jwk.kid)) continue;
      const key = admit(jwk);
      if (key) keys.set(jwk.kid, this.asHeld(jwk.kid, key));
    }
    this.keys = keys;
    const leftOut = jwks.length - keys.size;
    this.reportLeftOut(
      leftOut === 0
        ? undefined
        : `${leftOut} of ${jwks.length} keys of the issuer are left out. A key needs a kid of its own, and one of ${algorithmNames.join(', ')}`,
    );
  }

  /** A key that is repeated stays the same object, because libraries remember what they made of it. */
  private asHeld(kid: string, key: PublicKey): PublicKey {
    const held = this.keys.get(kid);
    return held?.thumbprint === key.thumbprint && held.alg === key.alg ? held : key;
  }
}

function isJwk(jwk: unknown): jwk is JsonObject & { kid: string } {
  return typeof jwk === 'object' && jwk !== null && typeof (jwk as JsonObject)['kid'] === 'string';
}

function admit(jwk: JsonObject): PublicKey | undefined {
  try {
    return admitPublicJwk({ ...jwk, alg: jwk['alg'] ?? usualAlgorithm(jwk) });
  } catch (error) {
    if (error instanceof JwsError) return undefined;
    throw error;
  }
}

/** The algorithm of a key without `alg`: that of its curve, and RS256 for RSA as in OpenID Connect Core 1.0 §3.1.3.7. */
function usualAlgorithm({ kty, crv }: JsonObject): string | undefined {
  if (kty === 'RSA') return 'RS256';
  return typeof crv === 'string' ? algorithmOfCurve[crv] : undefined;
}

const algorithmOfCurve: Readonly<Record<string, string>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
};

/** @throws RangeError. A timer of Node cannot wait longer than 24 days. */
function requireTimes(times: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(times))
    if (!(value > 0 && value <= MAX_SECONDS))
      throw new RangeError(`${name} not allowed: ${value}. Expected: more than 0, at most ${MAX_SECONDS}`);
}
