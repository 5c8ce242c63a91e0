/**
 * `npm run bench:verify`: what verifying and signing a token costs beside its signature, without HTTP. Each round
 * measures every lane once, and each ratio is taken within one round. It writes the result into bench/RESULTS.md; `-- --quick`
 * only prints.
 */
import { sign, verify as verifySignature, type KeyObject } from 'node:crypto';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { JwtService } from '@nestjs/jwt';
import { createVerifier } from 'fast-jwt';
import { importJWK, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey, published, segment, type TestIssuer } from '#testing';
import { createVerifyAccessToken, KeyRing, TrustError } from '#trust';
import { circumstances } from '../circumstances.js';
import { writeMeasured } from '../results-file.js';
import { count, spreadOf, table } from '../summary.js';

type Alg = 'ES256' | 'RS256';

interface Lane {
  readonly title: string;
  /** How many tokens one run judges. */
  readonly count: number;
  readonly run: () => void | Promise<void>;
}

interface Measured {
  readonly title: string;
  /** Of one token, in each round. */
  readonly microseconds: readonly number[];
}

const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;
const rounds = quick ? 9 : 31;
const TOKENS = 500;
const expected = { audience: 'orders', scopes: ['orders:read'] };

const facts = circumstances(['fast-jwt', 'jsonwebtoken', 'jose', 'lru-cache']);
const sections = [
  await firstSight('ES256'),
  await firstSight('RS256'),
  await hits(),
  memory(),
  await refusals(),
  await statements(),
  await issuing(),
];
const text = [
  `Measured ${new Date().toISOString().slice(0, 10)}, ${rounds} rounds; load average at the end ${loadavg()[0]!.toFixed(2)}:`,
  facts,
  ...sections,
].join('\n\n');
console.log(text);
if (!quick) writeMeasured('verify', text);

/** A token that is new to the verifier, beside its signature alone. */
async function firstSight(alg: Alg): Promise<string> {
  const issuer = createTestIssuer({ alg });
  const { publicPem, publicJwk } = issuer.key;
  const tokens = Array.from({ length: TOKENS }, () => issuer.token());
  const verify = createVerifyAccessToken({ ring: ringOf(issuer), cacheSize: 0 });
  const options = { issuer: issuer.issuer, audience: 'orders', algorithms: [alg] };
  const claims = { allowedIss: options.issuer, allowedAud: options.audience, algorithms: [alg] };
  const fastJwt = createVerifier({ key: publicPem, ...claims, cache: false });
  const joseKey = await importJWK(publicJwk, alg);
  const measured = await measure([
    signaturesAlone(issuer, tokens),
    lane('Signet, all checks', tokens, (token) => verify(token, expected)),
    lane('fast-jwt', tokens, (token) => fastJwt(token) as unknown),
    lane('jsonwebtoken', tokens, (token) => jsonwebtoken.verify(token, issuer.key.publicKey, options)),
    {
      title: 'jose',
      count: TOKENS,
      run: async () => {
        for (const token of tokens) await jwtVerify(token, joseKey, options);
      },
    },
  ]);
  return `### A token that is new, ${alg}\n\n${table(ratioHead('verification'), ratioRows(measured))}`;
}

/** What any verifier must do at least: `crypto.verify` over bytes that are ready. */
function signaturesAlone({ key }: TestIssuer, tokens: readonly string[]): Lane {
  const parts = tokens.map((token) => {
    const end = token.lastIndexOf('.');
    const input = Buffer.from(token.slice(0, end));
    // In DER for ECDSA, as OpenSSL takes it.
    return { input, signature: sign('sha256', input, key.privateKey) };
  });
  const check = ({ input, signature }: (typeof parts)[number], publicKey: KeyObject) => {
    if (!verifySignature('sha256', input, publicKey, signature)) fail();
  };
  return {
    title: 'the signature alone',
    count: tokens.length,
    run: () => {
      for (const part of parts) check(part, key.publicKey);
    },
  };
}

/** A token that was verified before. Each string is made anew, as HTTP makes it. */
async function hits(): Promise<string> {
  const issuer = createTestIssuer();
  const rows: string[][] = [];
  for (const size of [1_000, 20_000]) {
    const bytes = Array.from({ length: size }, () => Buffer.from(issuer.token()));
    const verify = createVerifyAccessToken({ ring: ringOf(issuer), cacheSize: size });
    const lru = new LRUCache<string, object>({ max: size });
    for (const token of bytes) {
      verify(token.toString('latin1'), expected);
      lru.set(token.toString('latin1'), {});
    }
    const hit = (title: string, look: (token: string) => unknown) =>
      lane(title, bytes, (token) => look(token.toString('latin1')) ?? fail());
    const measured = await measure([
      hit('the string alone', (token) => token),
      hit(
        'Signet, all checks of a hit',
        (token) => verify.recall(token, expected) ?? verify(token, expected),
      ),
      hit('lru-cache, the look-up alone', (token) => lru.get(token)),
    ]);
    const string = spreadOf(measured[0]!.microseconds).p50;
    for (const { title, microseconds } of measured) {
      const { p50 } = spreadOf(microseconds);
      rows.push([`${title}, ${count(size)} tokens`, p50.toFixed(2), (p50 - string).toFixed(2)]);
    }
  }
  return `### A token that was verified before\n\n${table(['look-up', 'µs', 'without the string'], rows)}`;
}

/** What a verified token takes in memory while it is remembered. */
function memory(): string {
  const size = 10_000;
  const issuer = createTestIssuer();
  const tokens = Array.from({ length: size }, () => Buffer.from(issuer.token()));
  const verify = createVerifyAccessToken({ ring: ringOf(issuer), cacheSize: size });
  const before = heapBytes();
  for (const token of tokens) verify(token.toString('latin1'), expected);
  const perToken = Math.round((heapBytes() - before) / size);
  const characters = Math.round(tokens.reduce((sum, { length }) => sum + length, 0) / size);
  // So that the cache is still there when it is measured.
  verify(tokens[0]!.toString('latin1'), expected);
  return `A remembered token takes ${count(perToken)} bytes, of which its text is ${count(characters)}. A full cache of ${count(size)} tokens takes ${((perToken * size) / 2 ** 20).toFixed(0)} MiB.`;
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  // The second time collects what the first one made free.
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** A statement that repeats its keys, as every verifier gets one every 5 s. */
async function statements(): Promise<string> {
  const keys = Array.from({ length: 52 }, (_, i) => createTestKey(i % 2 === 0 ? 'ES256' : 'RS256'));
  const measured: Measured[] = [];
  for (const size of [2, 52]) {
    const issuer = createTestIssuer();
    const members = keys.slice(0, size).map((key) => published(key, { status: 'prepared' }));
    const ring = ringOf(issuer);
    const next = () => issuer.statement({ keys: members });
    const take = (statement: string) => ring.accept(statement, 'nats') === undefined || fail();
    take(next());
    // Each round takes other statements: a ring takes no statement twice.
    const pending = Array.from({ length: (rounds + 3) * 10 }, next);
    const one = { title: `${size} keys`, count: 10, run: () => pending.splice(0, 10).forEach(take) };
    measured.push(...(await measure([one])));
  }
  const rows = measured.map(({ title, microseconds }) => {
    const { p50, min, max } = spreadOf(microseconds.map((value) => value / 1000));
    return [title, ...[p50, min, max].map((value) => value.toFixed(2))];
  });
  return `### A statement that repeats its keys\n\n${table(['statement', 'ms', 'least', 'most'], rows)}`;
}

/** The claims of a login made into a token, beside its signature alone. */
async function issuing(): Promise<string> {
  const jwt = new JwtService({});
  const rows: string[][] = [];
  for (const alg of ['ES256', 'RS256'] as const) {
    const issuer = createTestIssuer({ alg });
    const { privateKey, kid } = issuer.key;
    const claims = Array.from({ length: TOKENS }, () => issuer.claims());
    const inputs = claims.map((payload) => {
      const header = { typ: 'at+jwt', alg, kid };
      return Buffer.from([header, payload].map(segment).join('.'));
    });
    const measured = await measure([
      lane(`${alg}: the signature alone`, inputs, (input) => sign('sha256', input, privateKey)),
      lane(`${alg}: claims to token, by @nestjs/jwt`, claims, (payload) =>
        jwt.sign(Buffer.from(JSON.stringify(payload)), {
          algorithm: alg,
          header: { typ: 'at+jwt', alg, kid },
          privateKey: privateKey as unknown as Buffer,
        }),
      ),
    ]);
    rows.push(...ratioRows(measured));
  }
  return `### A token that is signed\n\n${table(ratioHead('token'), rows)}`;
}

/** What a bad token costs. */
async function refusals(): Promise<string> {
  const rows: string[][] = [];
  for (const alg of ['ES256', 'RS256'] as const) {
    const issuer = createTestIssuer({ alg });
    const verify = createVerifyAccessToken({ ring: ringOf(issuer) });
    const stranger = createTestKey();
    const good = Array.from({ length: TOKENS }, () => issuer.token());
    const withNextSignature = good.map((token, i) => {
      const next = good[(i + 1) % TOKENS]!;
      return token.slice(0, token.lastIndexOf('.')) + next.slice(next.lastIndexOf('.'));
    });
    const unknown = good.map(() => issuer.token({}, { signWith: stranger }));
    const refuses = (code: string) => (token: string) => {
      try {
        verify(token, expected);
      } catch (error) {
        if (error instanceof TrustError && error.code === code) return;
      }
      fail();
    };
    const alone = signaturesAlone(issuer, good);
    const measured = await measure([
      { ...alone, title: `${alg}: ${alone.title}` },
      lane(`${alg}: a wrong signature`, withNextSignature, refuses('bad_signature')),
      lane(`${alg}: an unknown kid`, unknown, refuses('unknown_kid')),
    ]);
    rows.push(...ratioRows(measured));
  }
  return `### A token that is refused\n\n${table(ratioHead('token'), rows)}`;
}

function ringOf(issuer: TestIssuer): KeyRing {
  const ring = new KeyRing({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor) });
  const refusal = ring.accept(issuer.statement(), 'nats');
  if (refusal !== undefined) throw new Error(refusal);
  return ring;
}

function lane<T>(title: string, tokens: readonly T[], judge: (token: T) => unknown): Lane {
  return {
    title,
    count: tokens.length,
    run: () => {
      for (const token of tokens) judge(token);
    },
  };
}

async function measure(lanes: readonly Lane[]): Promise<Measured[]> {
  const results = lanes.map(({ title }) => ({ title, microseconds: [] as number[] }));
  // The rounds below 0 let the compiler finish.
  for (let round = -3; round < rounds; round += 1) {
    for (const [index, { count, run }] of lanes.entries()) {
      const begun = process.hrtime.bigint();
      await run();
      const microseconds = Number(process.hrtime.bigint() - begun) / 1_000 / count;
      if (round >= 0) results[index]!.microseconds.push(microseconds);
    }
  }
  return results;
}

function ratioHead(first: string): string[] {
  return [first, 'µs', 'ratio', 'of the rounds'];
}

/** The ratio is to the first lane of the same round. */
function ratioRows(measured: readonly Measured[]): string[][] {
  const base = measured[0]!.microseconds;
  return measured.map(({ title, microseconds }) => {
    const { p50, min, max } = spreadOf(microseconds.map((value, round) => value / base[round]!));
    const range = `${min.toFixed(2)} to ${max.toFixed(2)}`;
    return [title, spreadOf(microseconds).p50.toFixed(1), p50.toFixed(2), range];
  });
}

function fail(): never {
  throw new Error('a token was judged wrongly');
}
