/**
 * Published test vectors: Wycheproof (JWS, JWK sets, raw ECDSA) and the RFC 7520 cookbook. They are not in this
 * repository. The spec looks for them in `../shared/vectors` beside it.
 */
import { createHash, createPublicKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from '@jest/globals';
import { segment } from '#testing';
import { algorithms, isAlgorithmName, type AlgorithmName } from './algorithms.js';
import { parseCompact, readPayload, verifySignature } from './compact.js';
import { JwsError } from './jws-error.js';
import { admitPublicJwk } from './public-jwk.js';

type Json = Record<string, unknown>;
interface Case {
  tcId: number;
  comment: string;
  jws: string;
  result: 'valid' | 'invalid';
}
interface Group {
  comment: string;
  private: Json;
  public?: Json;
  tests: Case[];
}

const FOLDER = new URL('../../../../shared/vectors/', import.meta.url);
const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as T;
const present = existsSync(FOLDER);

if (!present) {
  test('NOT RUN: the published vectors are not there (../shared/vectors beside the repository)', () => {
    console.warn(`The published vectors were not tried: there is no ${FOLDER.pathname}`);
  });
}

const scores = new Map<string, { valid: [number, number]; invalid: [number, number] }>();
function score(suite: string, result: 'valid' | 'invalid', right: boolean): void {
  const entry = scores.get(suite) ?? { valid: [0, 0], invalid: [0, 0] };
  scores.set(suite, entry);
  entry[result][1] += 1;
  if (right) entry[result][0] += 1;
}

/** `accepted`, or the code of the refusal. */
function outcomeOf(step: () => unknown): string {
  try {
    step();
    return 'accepted';
  } catch (error) {
    if (error instanceof JwsError) return error.code;
    throw error;
  }
}

const LIMITS = { maxBytes: 8_192, types: [undefined, 'jwt'] };

const judge = (jwk: Json, jws: string) =>
  outcomeOf(() => {
    const key = admitPublicJwk(jwk);
    verifySignature(parseCompact(jws, LIMITS), key);
  });

// The errors of the vectors themselves: a JWK names PS256 and its token PS384, and a JWK names "ES521".
const CONTRADICTIONS: Record<number, string> = {
  346: 'alg_mismatch',
  350: 'alg_mismatch',
  347: 'bad_key',
  351: 'bad_key',
};

function expectedCode(jwk: Json, { tcId, jws, result }: Case): string {
  if (CONTRADICTIONS[tcId]) return CONTRADICTIONS[tcId];
  // Symmetric keys, RSA with other hashes, and keys for encryption are refused before any token is looked at.
  if (!isAlgorithmName(jwk['alg'])) return 'bad_key';
  if (result === 'valid') return 'accepted';
  const [head, , tail] = jws.split('.');
  const header = headerOf(head ?? '');
  if (tail === undefined || header === undefined) return 'malformed';
  return header['alg'] === jwk['alg'] ? 'bad_signature' : 'alg_mismatch';
}

function headerOf(text: string): Json | undefined {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString()) as Json;
  } catch {
    return undefined;
  }
}

const describeIfPresent = present ? describe : describe.skip;

describeIfPresent('Wycheproof json_web_signature', () => {
  const { testGroups } = present
    ? read<{ testGroups: Group[] }>('wycheproof/json_web_signature_test.json')
    : { testGroups: [] };

  test.each(testGroups.map((group) => [`${group.comment}, from ${group.tests[0]?.tcId}`, group] as const))(
    '%s',
    (_name, group) => {
      const jwk = group.public ?? group.private;
      const wrong = group.tests.filter((test) => {
        const right = judge(jwk, test.jws) === expectedCode(jwk, test);
        const ours = group.public !== undefined && isAlgorithmName(jwk['alg']) && !CONTRADICTIONS[test.tcId];
        score(
          ours ? 'JWS, our algorithms' : 'JWS, keys that are refused',
          ours ? test.result : 'invalid',
          right,
        );
        return !right;
      });
      expect(wrong.map((test) => [test.tcId, judge(jwk, test.jws), expectedCode(jwk, test)])).toEqual([]);
    },
  );

  test('keys for encryption are refused for that reason alone', () => {
    const refused = testGroups.filter((group) => /encryption/.test(group.comment));
    expect(refused).toHaveLength(4);
    for (const { public: jwk, tests } of refused) {
      const alg = jwk!['kty'] === 'RSA' ? 'RS256' : 'ES256';
      const { use: _, key_ops: __, ...plain } = jwk!;
      expect(judge({ ...plain, alg }, tests[0]!.jws)).toBe('accepted');
      expect(judge({ ...jwk!, alg }, tests[0]!.jws)).toBe('bad_key');
    }
  });

  describe('again over the claims of an access token', () => {
    const input = `${segment({ alg: 'RS256', typ: 'at+jwt' })}.${segment({ sub: 'user-1', aud: 'orders' })}`;
    const outcome = (token: string, jwk: Json) =>
      outcomeOf(() => {
        const jws = parseCompact(token, { maxBytes: 8_192, types: ['at+jwt'] });
        verifySignature(jws, admitPublicJwk(jwk));
        readPayload(jws);
      });

    test('every edit of the PKCS#1 padding, with the hash of our token in it', () => {
      const group = testGroups.find(({ comment }) => comment === 'rs256')!;
      const key = bigKey(group.private);
      const blocks = group.tests.flatMap((test) => {
        const signature = Buffer.from(test.jws.split('.')[2] ?? '', 'base64url');
        return signature.length === 256 ? [{ ...test, block: encoded(signature, key) }] : [];
      });
      const first = blocks.find(({ result }) => result === 'valid')!;
      const theirs = first.block.subarray(-32);
      const ours = sha256(input);
      const seen = { valid: 0, invalid: 0 };
      for (const { tcId, result, block } of blocks) {
        const at = block.indexOf(theirs);
        // If the edit changed the hash itself, this change is kept.
        const edited = at >= 0 ? splice(block, at, ours) : carryOver(block, theirs, ours);
        // Vectors with an edited header or payload have a correct block, so they test nothing here.
        if (result === 'invalid' && block.equals(first.block)) continue;
        const token = `${input}.${signatureOf(edited, key).toString('base64url')}`;
        const right = outcome(token, group.public!) === (result === 'valid' ? 'accepted' : 'bad_signature');
        score('RS256 padding, over claims', result, right);
        expect([tcId, right]).toEqual([tcId, true]);
        seen[result] += 1;
      }
      expect(seen.valid).toBe(1);
      expect(seen.invalid).toBeGreaterThanOrEqual(213);
    });

    test('every forged pair of r and s', () => {
      const group = testGroups.find(({ comment }) => comment === 'SpecialCaseEs256')!;
      const forged = group.tests.filter(({ result }) => result === 'invalid');
      expect(forged).toHaveLength(23);
      const head = segment({ alg: 'ES256', typ: 'at+jwt' });
      for (const { jws } of forged) {
        const token = `${head}.${input.split('.')[1]}.${jws.split('.')[2]}`;
        const right = outcome(token, group.public!) === 'bad_signature';
        score('ES256 special values, over claims', 'invalid', right);
        expect(right).toBe(true);
      }
    });

    test('every malformed text of the base64 group: refused by form, before any signature', () => {
      const group = testGroups.find(({ comment }) => comment === 'base64')!;
      const sound = group.tests.find(({ tcId }) => tcId === 357)!.jws;
      const malformed = group.tests.filter(({ jws }) => /[^\w.-]/.test(jws));
      expect(malformed.length).toBeGreaterThanOrEqual(8);
      const form = (jws: string) => outcomeOf(() => parseCompact(jws, LIMITS));
      for (const { jws } of malformed) {
        score('base64 text', 'invalid', form(jws) === 'malformed');
        expect(form(jws)).toBe('malformed');
      }
      expect(form(sound)).toBe('accepted');
    });
  });
});

describeIfPresent('Wycheproof json_web_key', () => {
  const { testGroups } = present
    ? read<{ testGroups: Group[] }>('wycheproof/json_web_key_test.json')
    : { testGroups: [] };

  test.each(testGroups.map((group) => [`${group.comment}, ${group.tests[0]?.tcId}`, group] as const))(
    '%s',
    (_name, group) => {
      const { keys } = (group.public ?? group.private) as { keys: Json[] };
      for (const { tcId, jws, result } of group.tests) {
        // A key set is accepted only if each of its keys is admitted, as in a statement.
        const outcomes = keys.map((jwk) => judge(jwk, jws));
        const verdict = outcomes.find((outcome) => outcome !== 'accepted') ?? 'accepted';
        const symmetric = keys.some(({ kty }) => kty === 'oct');
        const expected = result === 'valid' && !symmetric ? 'accepted' : 'bad_key';
        score(
          symmetric ? 'JWK sets with symmetric keys' : 'JWK sets',
          symmetric ? 'invalid' : result,
          verdict === expected,
        );
        expect([tcId, verdict]).toEqual([tcId, expected]);
      }
    },
  );
});

describeIfPresent('Wycheproof ECDSA, r and s side by side', () => {
  interface RawGroup {
    publicKeyPem: string;
    tests: { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' }[];
  }
  test.each<[AlgorithmName, string]>([
    ['ES256', 'secp256r1_sha256'],
    ['ES384', 'secp384r1_sha384'],
    ['ES512', 'secp521r1_sha512'],
  ])('%s', (alg, name) => {
    const { testGroups } = read<{ testGroups: RawGroup[] }>(`wycheproof/ecdsa_${name}_p1363_test.json`);
    for (const { publicKeyPem, tests } of testGroups) {
      const jwk = createPublicKey(publicKeyPem).export({ format: 'jwk' }) as Json;
      const { key } = admitPublicJwk({ ...jwk, alg });
      for (const { tcId, msg, sig, result } of tests) {
        const verdict = algorithms[alg].verify(key, Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex'));
        score(`${alg}, raw`, result, verdict === (result === 'valid'));
        expect([tcId, verdict]).toEqual([tcId, result === 'valid']);
      }
    }
  });
});

describeIfPresent('RFC 7520 cookbook', () => {
  interface Recipe {
    input: { key: Json; alg: string };
    output: { compact: string };
  }
  const recipe = (name: string) => read<Recipe>(`cookbook/jws/${name}.json`);
  const publicHalf = ({ d: _, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...jwk }: Json) => jwk;

  test.each([
    ['§4.1 RS256', '4_1.rsa_v15_signature', 'accepted'],
    ['§4.3 ES512', '4_3.ecdsa_signature', 'accepted'],
    ['§4.2 PS384, which is not in the table', '4_2.rsa-pss_signature', 'bad_key'],
    ['§4.4 HS256', '4_4.hmac-sha2_integrity_protection', 'bad_key'],
    ['§4.5 detached: its payload is not in it', '4_5.signature_with_detached_content', 'bad_key'],
  ])('%s', (_title, name, expected) => {
    const { input, output } = recipe(name);
    const verdict = judge({ ...publicHalf(input.key), alg: input.alg }, output.compact);
    score('RFC 7520', expected === 'accepted' ? 'valid' : 'invalid', verdict === expected);
    expect(verdict).toBe(expected);
  });

  test('a private key as it stands is refused', () => {
    const { input, output } = recipe('4_3.ecdsa_signature');
    expect(judge({ ...input.key, alg: input.alg }, output.compact)).toBe('bad_key');
  });
});

afterAll(() => {
  if (!present) return;
  const rows = [...scores].map(
    ([suite, { valid, invalid }]) =>
      `${suite.padEnd(36)} ${valid.join('/').padStart(9)} ${invalid.join('/').padStart(9)}`,
  );
  process.stdout.write(`\n${'vectors'.padEnd(36)}  accepted   refused\n${rows.join('\n')}\n`);
});

interface BigKey {
  n: bigint;
  e: bigint;
  d: bigint;
}
const big = (value: unknown) => BigInt(`0x${Buffer.from(String(value), 'base64url').toString('hex')}`);
const bigKey = ({ n, e, d }: Json): BigKey => ({ n: big(n), e: big(e), d: big(d) });

function power(base: bigint, exponent: bigint, modulo: bigint): bigint {
  let result = 1n;
  for (let i = exponent, square = base % modulo; i > 0n; i >>= 1n, square = (square * square) % modulo) {
    if (i & 1n) result = (result * square) % modulo;
  }
  return result;
}

const toBlock = (value: bigint) => Buffer.from(value.toString(16).padStart(512, '0'), 'hex');
const bigOf = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);
const encoded = (signature: Buffer, { n, e }: BigKey) => toBlock(power(bigOf(signature), e, n));
const signatureOf = (encodedBlock: Buffer, { n, d }: BigKey) => toBlock(power(bigOf(encodedBlock), d, n));
const sha256 = (text: string) => createHash('sha256').update(text).digest();

function splice(bytes: Buffer, at: number, insert: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + insert.length)]);
}

/** Adds the difference of the two hashes to the end of the edited block. */
function carryOver(edited: Buffer, theirs: Buffer, ours: Buffer): Buffer {
  const result = Buffer.from(edited);
  for (let i = 0; i < 32; i += 1) result[result.length - 32 + i]! ^= theirs[i]! ^ ours[i]!;
  return result;
}
