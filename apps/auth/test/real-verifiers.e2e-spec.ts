/** Libraries that verify tokens and know nothing of Signet take auth's tokens, unchanged and over TLS, and no others. */
import { fork, type ChildProcess } from 'node:child_process';
import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, type JSONWebKeySet } from 'jose';
import { createTestKey, eventually, segment, signCompact } from '#testing';
import type { Library } from './third-party-verifiers.js';
import { startTlsAuth, type TlsAuth } from './tls-auth.js';
import { UNKNOWN_AUTHORITY } from './trusting.js';
import type { Question, Verdict } from './verifier-process.js';

type Alg = 'ES256' | 'RS256';

const JWKS_RSA = 'jwks-rsa with jsonwebtoken';
const GET_JWKS = 'get-jwks with fast-jwt';
/** Instead of minutes. */
const KEEP_MS = 500;
const libraries: Library[] = ['jose', JWKS_RSA, 'aws-jwt-verify', GET_JWKS, 'oauth4webapi'];
let auth: TlsAuth;
let child: ChildProcess;
let started = 0;

beforeAll(async () => {
  auth = await startTlsAuth();
  child = fork(new URL('../../../dist/apps/auth/test/verifier-process.js', import.meta.url));
}, 60_000);
afterAll(async () => {
  child?.kill();
  await auth?.close();
});

/** A verifier that has no keys yet. It returns why it refuses a token, and `''` for a token that it accepts. */
function verifier(library: Library, options: Partial<Question['options']> = {}) {
  const own = { issuer: auth.issuer, authority: auth.authority, ...options };
  const fixed = { verifier: (started += 1), library, options: own };
  return async (token: string): Promise<string> => {
    child.send({ ...fixed, token } satisfies Question);
    const [verdict] = (await once(child, 'message', { signal: AbortSignal.timeout(10_000) })) as [Verdict];
    return verdict.failure;
  };
}

/** As an administrator who has just logged in, because the key of an older token may be revoked. */
async function manage(path: string, body: object) {
  return auth.send('POST', `/admin${path}`, { token: await auth.login('admin'), body });
}

/**
 * Activates the standby, or a new key with another algorithm. Waits until the next standby is published. NATS is away, so
 * a rotation has to be told to go on.
 */
async function rotate(alg?: Alg) {
  const rotated = manage('/keys/rotate', { ...(alg && { alg }) });
  await eventually(async () => (await manage('/rotations/current/proceed', {})).status === 200);
  expect(await rotated).toMatchObject({ status: 200 });
  await standby();
}

/** Waits until the key that signs next is published: it has the algorithm of the active key. */
async function standby() {
  const token = await auth.login('admin');
  await eventually(async () => {
    const { body } = await auth.send('GET', '/admin/keys', { token });
    const keys = body.keys as { status: string; alg: string }[];
    const active = keys.find(({ status }) => status === 'active')!;
    return keys.some(({ status, alg }) => status === 'prepared' && alg === active.alg);
  });
}

const jwks = async () => (await auth.send('GET', '/.well-known/jwks.json')).body as JSONWebKeySet;

describe.each<Alg>(['ES256', 'RS256'])('a token signed with %s', (alg) => {
  let good: string;
  const bad: Record<string, string> = {};

  beforeAll(async () => {
    if (alg !== 'ES256') await rotate(alg);
    good = await auth.login();
    expect(decodeProtectedHeader(good).alg).toBe(alg);
    const [claims, header] = [decodeJwt(good), decodeProtectedHeader(good)];
    const jwk = (await jwks()).keys.find(({ kid }) => kid === header.kid) as JsonWebKey;
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const withAlg = (other: string) => `${segment({ ...header, alg: other })}.${segment(claims)}`;
    bad['audience'] = await auth.login('admin', 'inventory');
    bad['signature'] = signCompact(header, claims, createTestKey(alg));
    bad['none'] = `${withAlg('none')}.`;
    bad['HS256'] = withAlg('HS256');
    bad['HS256'] += `.${createHmac('sha256', pem).update(bad['HS256']).digest('base64url')}`;
    const short = await auth.replica({ accessTokenSeconds: 1 });
    const { email, password } = await auth.account();
    bad['expiry'] = (
      await short.send('POST', '/auth/login', { body: { email, password } })
    ).body.access_token;
    await eventually(() => Date.now() / 1000 > decodeJwt(bad['expiry']!).exp! + 1);
  }, 30_000);

  describe.each(libraries)('%s', (library) => {
    it('accepts it', async () => {
      expect(await verifier(library)(good)).toBe('');
    });

    it.each<[string, string, RegExp]>([
      ['for another audience', 'audience', /aud/i],
      ['that has expired', 'expiry', /expired|"exp"/i],
      ['with the signature of another key', 'signature', /signature/i],
      ['with no signature (alg none)', 'none', /alg|signature is required|exactly 3 parts|JWK_NOT_FOUND/i],
      ['with an HMAC of the public key (HS256)', 'HS256', /alg|JWK_NOT_FOUND/i],
    ])('refuses one %s', async (_what, fault, reason) => {
      expect(await verifier(library)(bad[fault]!)).toMatch(reason);
    });
  });
});

/** Verifiers that have accepted a token, and so have keys. */
async function warmVerifiers(names: readonly Library[], options?: Parameters<typeof verifier>[1]) {
  const warm = new Map(names.map((library) => [library, verifier(library, options)]));
  const token = await auth.login();
  for (const verify of warm.values()) expect(await verify(token)).toBe('');
  return warm;
}

/** How the libraries say that the JWKS does not have the key. */
const NO_KEY =
  /no applicable key|KEY_SELECTION|Unable to find a signing key|not found in the JWKS|JWK_NOT_FOUND/i;

describe('the next key, at a rotation', () => {
  const keepWholeJwks: Library[] = ['jose', 'aws-jwt-verify', 'oauth4webapi'];
  let warm: Map<Library, ReturnType<typeof verifier>>;

  beforeAll(async () => {
    warm = await warmVerifiers(keepWholeJwks);
    await rotate();
  }, 30_000);

  it.each(keepWholeJwks)('is known to %s before it signs, so the issuer may be away', async (library) => {
    const token = await auth.login();
    auth.door.shut();
    try {
      expect(await warm.get(library)!(token)).toBe('');
    } finally {
      auth.door.open();
    }
  });
});

describe('a key that no kept JWKS has', () => {
  const fetchAtOnce: Library[] = [JWKS_RSA, 'aws-jwt-verify', GET_JWKS];
  let before: JSONWebKeySet;
  let warm: Map<Library, ReturnType<typeof verifier>>;

  beforeAll(async () => {
    before = await jwks();
    warm = await warmVerifiers(fetchAtOnce);
    // The first rotation activates the standby, which the JWKS has. The second one activates the standby after it.
    await rotate();
    await rotate();
  }, 30_000);

  it.each(fetchAtOnce)('makes %s fetch at once', async (library) => {
    expect(await warm.get(library)!(await auth.login())).toBe('');
  });

  it.each<[Library, number]>([
    ['jose', 30],
    ['oauth4webapi', 60],
  ])('is refused by %s until its JWKS is %d s old', async (library, seconds) => {
    const token = await auth.login();
    const young = verifier(library, { kept: { jwks: before, ageSeconds: seconds - 10 } });
    expect(await young(token)).toMatch(NO_KEY);
    const older = verifier(library, { kept: { jwks: before, ageSeconds: seconds + 1 } });
    expect(await older(token)).toBe('');
  });
});

describe('a key that is revoked', () => {
  let token: string;
  let before: JSONWebKeySet;
  let warm: Map<Library, ReturnType<typeof verifier>>;
  let briefly: typeof warm;

  beforeAll(async () => {
    before = await jwks();
    warm = await warmVerifiers(libraries);
    briefly = await warmVerifiers([JWKS_RSA, GET_JWKS], { keepMs: KEEP_MS });
    token = await auth.login();
    const { kid } = decodeProtectedHeader(token);
    const revoked = await manage(`/keys/${kid}/revoke`, { reason: 'compromised' });
    expect(revoked).toMatchObject({ status: 200 });
    await standby();
  }, 30_000);

  it.each(libraries)('is good to %s while it is in its cache', async (library) => {
    expect(await warm.get(library)!(token)).toBe('');
  });

  it.each(libraries)('is unknown to %s if it starts now', async (library) => {
    expect(await verifier(library)(token)).toMatch(NO_KEY);
  });

  it.each<[Library, number]>([
    ['jose', 600],
    ['oauth4webapi', 300],
  ])('is good to %s until its JWKS is %d s old', async (library, seconds) => {
    const young = verifier(library, { kept: { jwks: before, ageSeconds: seconds - 10 } });
    expect(await young(token)).toBe('');
    const older = verifier(library, { kept: { jwks: before, ageSeconds: seconds + 1 } });
    expect(await older(token)).toMatch(NO_KEY);
  });

  it('is good to jwks-rsa until its cache is over', async () => {
    const verify = briefly.get(JWKS_RSA)!;
    await eventually(async () => expect(await verify(token)).toMatch(NO_KEY));
  });

  it('is good to aws-jwt-verify until it has to fetch because of an unknown key', async () => {
    const verify = warm.get('aws-jwt-verify')!;
    await rotate();
    await rotate();
    expect(await verify(await auth.login())).toBe('');
    expect(await verify(token)).toMatch(NO_KEY);
  });

  it('is good to get-jwks once more after its cache is over', async () => {
    const verify = briefly.get(GET_JWKS)!;
    // Its cache is over then, and that cannot be seen from outside.
    await sleep(KEEP_MS);
    expect(await verify(token)).toBe('');
    // A second cache has the key now. Each token that comes within its time prolongs it.
    await eventually(async () => expect(await verify(token)).toMatch(NO_KEY), { everyMs: 2 * KEEP_MS });
  });
});

it.each(libraries)('%s does not connect if it does not trust the authority', async (library) => {
  const verify = verifier(library, { authority: undefined });
  expect(await verify(await auth.login())).toMatch(UNKNOWN_AUTHORITY);
});
