/**
 * An issuer for specs. It signs whatever a spec wants, right or wrong. It uses only node:crypto, so that our own code
 * does not check what our own code made.
 */
import { constants, createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';

export type TestAlg = 'ES256' | 'ES384' | 'ES512' | 'RS256' | 'PS256';

/** Members of a header or of a payload. */
export type Json = Record<string, unknown>;

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

/** Makes a key pair. RSA pairs have 2048 bits and take a moment. */
export function createTestKey(alg: TestAlg = 'ES256'): TestKey {
  const { privateKey, publicKey } =
    alg === 'RS256' || alg === 'PS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: CURVES[alg] });
  const { kty, crv, x, y, n, e } = publicKey.export({ format: 'jwk' });
  // JSON.stringify leaves out undefined members, and both lists are in lexicographic order.
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

/** Signs `input`. Returns the signature in its JOSE form (RFC 7518 §3). */
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

/** Encodes one segment. Text is encoded unchanged, anything else as JSON. */
export function segment(content: unknown): string {
  const bytes = Buffer.isBuffer(content)
    ? content
    : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  return bytes.toString('base64url');
}

/** Signs a compact JWS with any header and payload. Text is signed unchanged, so even broken JSON can be signed. */
export function signCompact(
  header: unknown,
  payload: unknown,
  key: Pick<TestKey, 'alg' | 'privateKey'>,
): string {
  const input = `${segment(header)}.${segment(payload)}`;
  return `${input}.${signBytes(input, key).toString('base64url')}`;
}

/** Returns the public JWK of a key in the form of a statement. */
export function published(key: TestKey, facts: { status?: string; verify_until?: number } & Json = {}): Json {
  return { ...key.publicJwk, status: 'active', ...facts };
}

/** How a JWS differs from the usual one. */
interface Signing {
  /** The key that signs instead of the usual one. It also sets `kid` and `alg`. */
  readonly signWith?: TestKey;
  /** Header members that replace the usual ones. `undefined` removes one. */
  readonly header?: Json;
}

/** Signs whatever a test wants, right or wrong. It serves nothing. */
export interface TestIssuer {
  readonly issuer: string;
  readonly anchor: TestKey;
  /** The pinned anchors as PEM, as in the settings. */
  readonly anchors: readonly string[];
  /** Signs tokens. */
  readonly key: TestKey;
  /** Published as prepared. */
  readonly standby: TestKey;
  /**
   * Makes a key-set statement. By default it has the next epoch, is issued now, and has {@link key} active and
   * {@link standby} prepared. Payload members replace the usual ones; `undefined` removes one.
   */
  statement(payload?: Json, signing?: Signing): string;
  /** Makes a revocation, by default of the session `session-1`. Payload members replace the usual ones. */
  revocation(n: number, revoked?: TestRevoked, payload?: Json, signing?: Signing): string;
  /**
   * Makes an access token, by default for a customer and `orders`, issued now, for 300 s. Claims replace the usual
   * ones.
   */
  token(claims?: Json, signing?: Signing): string;
  /** Returns the claims that {@link token} would sign. */
  claims(claims?: Json): Json;
}

/** What a test revokes: every token with this claim. */
type TestRevoked = { jti: string } | { sid: string } | { client_id: string };

/** Makes an issuer with an anchor, a signing key and a standby. Times come from `clock` (milliseconds). */
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
