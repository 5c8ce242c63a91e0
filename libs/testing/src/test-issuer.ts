/**
 * The issuer as specs need it: it signs whatever it is told to, right or wrong. It is built on node:crypto alone, so
 * that what it makes is not judged by the code that made it.
 */
import { constants, createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';

export type TestAlg = 'ES256' | 'ES384' | 'ES512' | 'RS256' | 'PS256';

type Json = Record<string, unknown>;

/** A key pair with its public JWK (`kid` = RFC 7638 thumbprint, `alg`, `use: sig`). */
export interface TestKey {
  readonly alg: TestAlg;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly publicJwk: Json;
  /** The public half as SPKI. */
  readonly publicPem: string;
}

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;
const HASHES = {
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
  RS256: 'sha256',
  PS256: 'sha256',
} as const;

/** Makes a key pair; RSA ones have 2048 bits and take a moment. */
export function createTestKey(alg: TestAlg = 'ES256'): TestKey {
  const { privateKey, publicKey } =
    alg === 'RS256' || alg === 'PS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: CURVES[alg] });
  const { kty, crv, x, y, n, e } = publicKey.export({ format: 'jwk' });
  // JSON.stringify leaves out what is undefined, and both lists are in lexicographic order.
  const members = kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y };
  const kid = createHash('sha256').update(JSON.stringify(members)).digest('base64url');
  return {
    alg,
    kid,
    privateKey,
    publicKey,
    publicJwk: { ...members, kid, alg, use: 'sig' },
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}

/** The signature over `input` in its JOSE form (RFC 7518 §3). */
export function signBytes(
  input: string,
  { alg, privateKey: key }: Pick<TestKey, 'alg' | 'privateKey'>,
): Buffer {
  const data = Buffer.from(input, 'latin1');
  if (alg === 'RS256') return sign(HASHES[alg], data, { key, padding: constants.RSA_PKCS1_PADDING });
  if (alg !== 'PS256') return sign(HASHES[alg], data, { key, dsaEncoding: 'ieee-p1363' });
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return sign(HASHES[alg], data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
}

/** One segment: text as it stands, anything else as JSON. */
export function segment(content: unknown): string {
  const bytes = Buffer.isBuffer(content)
    ? content
    : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  return bytes.toString('base64url');
}

/** A compact JWS of any header and payload (text is taken as it stands, so broken JSON can be signed too). */
export function signCompact(
  header: unknown,
  payload: unknown,
  key: Pick<TestKey, 'alg' | 'privateKey'>,
): string {
  const input = `${segment(header)}.${segment(payload)}`;
  return `${input}.${signBytes(input, key).toString('base64url')}`;
}

/** The public JWK of a key as a statement publishes it. */
export function published(key: TestKey, facts: { status?: string; verify_until?: number } & Json = {}): Json {
  return { ...key.publicJwk, status: 'active', ...facts };
}

/** How to sign otherwise than usual. */
export interface Signing {
  /** Signs in place of the usual key, and gives `kid` and `alg`. */
  readonly signWith?: TestKey;
  /** Header members that replace the usual ones; `undefined` leaves one out. */
  readonly header?: Json;
}

export interface TestIssuer {
  readonly issuer: string;
  readonly anchor: TestKey;
  /** PEMs of the pinned anchors, as configuration holds them. */
  readonly anchors: readonly string[];
  /** Signs tokens. */
  readonly key: TestKey;
  /** Published as prepared. */
  readonly standby: TestKey;
  /**
   * Payload members and claims replace the usual ones; `undefined` leaves one out. A key-set statement is by default of
   * the next epoch, issued now, with {@link key} active and {@link standby} prepared.
   */
  statement(payload?: Json, signing?: Signing): string;
  /** A revocation, by default of the session `session-1`; payload members replace the usual ones. */
  revocation(n: number, revoked?: TestRevoked, payload?: Json, signing?: Signing): string;
  /** An access token, by default a customer's for `orders`, issued now, for 300 s. */
  token(claims?: Json, signing?: Signing): string;
  /** The claims that {@link token} would sign. */
  claims(claims?: Json): Json;
}

/** What a test revokes: every token with that claim. */
export type TestRevoked = { jti: string } | { sid: string } | { client_id: string };

/** Makes an issuer with an anchor, a signing key and a standby; times come from `clock` (milliseconds). */
export function createTestIssuer({
  issuer = 'https://issuer.test',
  clock = Date.now,
  alg = 'ES256',
}: { issuer?: string; clock?: () => number; alg?: TestAlg } = {}): TestIssuer {
  const [anchor, key, standby] = [createTestKey(), createTestKey(alg), createTestKey()];
  let epoch = 0;

  const issued = (
    typ: string,
    payload: Json,
    usual: TestKey,
    { signWith = usual, header }: Signing,
  ): string => signCompact({ alg: signWith.alg, typ, kid: signWith.kid, ...header }, payload, signWith);

  function claims(overrides: Json = {}): Json {
    const iat = Math.floor(clock() / 1000);
    const usual = { iss: issuer, sub: 'user-1', aud: 'orders', iat, exp: iat + 300, jti: randomUUID() };
    return { ...usual, client_id: 'web', scope: 'orders:read orders:write', sid: 'session-1', ...overrides };
  }

  return {
    issuer,
    anchor,
    anchors: [anchor.publicPem],
    key,
    standby,
    claims,
    token: (overrides, signing = {}) => issued('at+jwt', claims(overrides), key, signing),
    revocation(n, revoked = { sid: 'session-1' }, overrides = {}, signing = {}) {
      const [event, value] =
        'sid' in revoked
          ? ['caep/event-type/session-revoked', revoked.sid]
          : 'jti' in revoked
            ? ['oauth/event-type/token-revoked', revoked.jti]
            : ['oauth/event-type/client-disabled', revoked.client_id];
      const usual = {
        iss: issuer,
        iat: Math.floor(clock() / 1000),
        jti: randomUUID(),
        n,
        sub_id:
          'jti' in revoked ? { format: 'jwt_id', iss: issuer, jti: value } : { format: 'opaque', id: value },
        events: { [`https://schemas.openid.net/secevent/${event}`]: {} },
      };
      return issued('secevent+jwt', { ...usual, ...overrides }, anchor, signing);
    },
    statement(overrides = {}, signing = {}) {
      const iat = Math.floor(clock() / 1000);
      const given = overrides['epoch'];
      epoch = Number.isSafeInteger(given) ? (given as number) : epoch + 1;
      const keys = [published(key), published(standby, { status: 'prepared' })];
      const usual = {
        iss: issuer,
        sub: issuer,
        iat,
        exp: iat + 900,
        epoch,
        revocations: { from: 0, to: 0 },
        keys,
      };
      return issued('jwk-set+jwt', { ...usual, revoked: [], ...overrides }, anchor, signing);
    },
  };
}
