/**
 * An issuer for tests that serves its keys over HTTP, so that any verifier can be tested with it. Its keys exist in the
 * memory of the test alone. Like {@link createTestIssuer} it uses nothing but Node.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { serve, type ListenOptions } from './http-server.js';
import {
  createTestIssuer,
  createTestKey,
  published,
  type Json,
  type TestAlg,
  type TestIssuer,
  type TestKey,
} from './test-issuer.js';

/** How long tokens of a retiring key are accepted, in seconds. Longer than any test. */
const RETIRING_SECONDS = 3_600;

export interface TestIssuerOptions extends ListenOptions {
  /** The algorithm of every key that signs tokens; default ES256. */
  readonly alg?: TestAlg;
  /** The `iss` of the tokens, and the URL under which verifiers reach it. By default its address on this machine. */
  readonly url?: string;
}

/** How often verifiers have fetched each document. */
export interface TestFetches {
  readonly keyset: number;
  readonly jwks: number;
  readonly metadata: number;
}

/** An issuer whose keys verifiers can fetch. Each answer is made when it is asked for. */
export interface RunningTestIssuer extends Pick<
  TestIssuer,
  'issuer' | 'anchor' | 'anchors' | 'claims' | 'token'
> {
  readonly keysetUrl: string;
  readonly jwksUrl: string;
  readonly metadataUrl: string;
  /** The key that signs now. */
  readonly key: TestKey;
  readonly fetches: TestFetches;
  /** From now on a new key signs. The key before it stays published. Returns the new key. */
  rotate(): TestKey;
  /**
   * Takes a key out of both key sets, and statements name it as revoked. If it was the key that signs, a new one signs.
   *
   * @throws Error if no published key has this `kid`
   */
  revokeKey(kid: string): void;
  /** Replaces members of all statements from now on, such as `exp`. Members that are not named are as usual. */
  changeStatements(payload: Json): void;
  close(): Promise<void>;
}

/**
 * Starts an issuer, by default on a free port of 127.0.0.1. It serves `/.well-known/keyset`,
 * `/.well-known/jwks.json`, and its metadata as `/.well-known/openid-configuration` and
 * `/.well-known/oauth-authorization-server`. Caches may keep none of these.
 *
 * @throws Error `EADDRINUSE` if another program listens on the port
 */
export async function startTestIssuer({
  alg = 'ES256',
  url,
  ...listen
}: TestIssuerOptions = {}): Promise<RunningTestIssuer> {
  const fetches = { keyset: 0, jwks: 0, metadata: 0 };
  const server = await serve((request, response) => answer(request, response), listen);
  const issuer = createTestIssuer({ issuer: url ?? server.url, alg });
  const keys = new TestKeys(issuer.key);
  let changes: Json = {};

  const base = issuer.issuer.replace(/\/+$/, '');
  const urls = {
    keysetUrl: `${base}/.well-known/keyset`,
    jwksUrl: `${base}/.well-known/jwks.json`,
    metadataUrl: `${base}/.well-known/openid-configuration`,
  };
  const statement = () => issuer.statement({ ...keys.forStatement(), ...changes });
  const jwks = () => JSON.stringify({ keys: keys.all.map(({ publicJwk }) => publicJwk) });
  const metadata = () =>
    JSON.stringify({
      issuer: issuer.issuer,
      jwks_uri: urls.jwksUrl,
      signed_jwks_uri: urls.keysetUrl,
      response_types_supported: [],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [alg],
    });
  const documents = [
    { path: '/.well-known/keyset', name: 'keyset', type: 'application/jwk-set+jwt', make: statement },
    { path: '/.well-known/jwks.json', name: 'jwks', type: 'application/jwk-set+json', make: jwks },
    { path: '/.well-known/openid-configuration', name: 'metadata', type: 'application/json', make: metadata },
    {
      path: '/.well-known/oauth-authorization-server',
      name: 'metadata',
      type: 'application/json',
      make: metadata,
    },
  ] as const;

  function answer({ url: path }: IncomingMessage, response: ServerResponse): void {
    const found = documents.find((document) => document.path === path);
    if (!found) return void response.writeHead(404).end();
    fetches[found.name] += 1;
    response.writeHead(200, { 'content-type': found.type, 'cache-control': 'no-store' }).end(found.make());
  }

  return {
    ...urls,
    issuer: issuer.issuer,
    anchor: issuer.anchor,
    anchors: issuer.anchors,
    claims: issuer.claims,
    fetches,
    get key() {
      return keys.signing;
    },
    token: (claims, signing) => issuer.token(claims, { signWith: keys.signing, ...signing }),
    rotate: () => keys.rotate(),
    revokeKey: (kid) => keys.revoke(kid),
    changeStatements: (payload) => {
      changes = { ...changes, ...payload };
    },
    close: server.close,
  };
}

/** The keys that sign tokens: one signs, some are still published, some are revoked. */
class TestKeys {
  private readonly retiring: { readonly key: TestKey; readonly verify_until: number }[] = [];
  private readonly revoked: Json[] = [];

  constructor(private current: TestKey) {}

  get signing(): TestKey {
    return this.current;
  }

  get all(): TestKey[] {
    return [this.current, ...this.retiring.map(({ key }) => key)];
  }

  forStatement(): Json {
    const retiring = this.retiring.map(({ key, verify_until }) =>
      published(key, { status: 'retiring', verify_until }),
    );
    return { keys: [published(this.current), ...retiring], revoked: this.revoked };
  }

  rotate(): TestKey {
    this.retiring.push({ key: this.current, verify_until: now() + RETIRING_SECONDS });
    this.current = createTestKey(this.current.alg);
    return this.current;
  }

  revoke(kid: string): void {
    if (kid === this.current.kid) this.rotate();
    const at = this.retiring.findIndex(({ key }) => key.kid === kid);
    if (at < 0) throw new Error(`no published key has the kid ${kid}`);
    this.retiring.splice(at, 1);
    this.revoked.push({ kid, revoked_at: now(), reason: 'compromised' });
  }
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
