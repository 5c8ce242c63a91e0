/**
 * `node infra/bootstrap.mjs run dist/scenarios/encrypted-token/cost.js`: prints what encryption adds to a token in bytes and
 * in time. Each time is a ratio within one round; the rounds take turns, so that a busy machine slows both.
 */
import { CompactEncrypt } from 'jose';
import { sign } from 'node:crypto';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestRecipient } from '#testing';
import { createVerifyAccessToken, ENCRYPTION, KeyRing } from '#trust';
import { spreadOf } from '../../bench/summary.js';

const ROUNDS = 15;
const TOKENS = 200;
const expected = { audience: 'orders' };

const issuer = createTestIssuer();
const recipient = createTestRecipient();
const ring = new KeyRing({ issuer: issuer.issuer, anchors: issuer.anchors.map(readAnchor) });
ring.accept(issuer.statement(), 'local');

const { alg, enc } = ENCRYPTION;
const encrypt = (signed: string) =>
  new CompactEncrypt(Buffer.from(signed))
    .setProtectedHeader({ alg, enc, cty: 'JWT', kid: recipient.kid })
    .encrypt(recipient.publicKey);

const signed = Array.from({ length: TOKENS }, () => issuer.token({ roles: ['customer'] }));
const encrypted = await Promise.all(signed.map(encrypt));
const signedOnly = createVerifyAccessToken({ ring, cacheSize: 0 });
const first = createVerifyAccessToken({ ring, cacheSize: 0, decryptionKey: recipient.privateKey });
const plain = createVerifyAccessToken({ ring });
const again = createVerifyAccessToken({ ring, decryptionKey: recipient.privateKey });

// Remembered, to be found again.
for (const token of signed) plain(token, expected);
for (const token of encrypted) again(await again.decrypt!(token), expected);

/** One token after the other, as one request after the other. */
const lanes = {
  sign: () => each(signed, (token) => sign('sha256', Buffer.from(token), issuer.key.privateKey)),
  encrypt: () => each(signed, encrypt),
  verify: () => each(signed, (token) => signedOnly(token, expected)),
  decryptAndVerify: () => each(encrypted, async (token) => first(await first.decrypt!(token), expected)),
  recallSigned: () => each(signed, (token) => recallOften(plain, token)),
  recallEncrypted: () => each(encrypted, (token) => recallOften(again, token)),
};
type Lane = keyof typeof lanes;

const ratios: Record<string, number[]> = {};
for (let round = -2; round < ROUNDS; round += 1) {
  const took = {} as Record<Lane, number>;
  for (const lane of Object.keys(lanes) as Lane[]) {
    const begun = performance.now();
    await lanes[lane]();
    took[lane] = performance.now() - begun;
  }
  if (round < 0) continue; // warm up
  add('encrypt, against an ES256 signature', took.encrypt / took.sign);
  add('decrypt and verify, against verify, at the first sight', took.decryptAndVerify / took.verify);
  add('the same token again, encrypted against signed', took.recallEncrypted / took.recallSigned);
}

const [before, after] = [signed[0]!.length, encrypted[0]!.length];
const report = [
  `bytes: ${before} signed, ${after} encrypted (${(after / before).toFixed(2)} times)`,
  ...Object.entries(ratios).map(([what, values]) => `${what}: ${spread(values)}`),
];
process.stdout.write(`${report.join('\n')}\n`);

async function each(tokens: readonly string[], work: (token: string) => unknown): Promise<void> {
  for (const token of tokens) {
    const result = work(token);
    if (result instanceof Promise) await result;
  }
}

function recallOften(verify: typeof plain, token: string): void {
  for (let i = 0; i < 100; i += 1)
    if (verify.recall(token, expected) === undefined) throw new Error('a token was forgotten');
}

function add(what: string, ratio: number): void {
  (ratios[what] ??= []).push(ratio);
}

function spread(values: number[]): string {
  const { p50, min, max } = spreadOf(values);
  return `${p50.toFixed(1)} times (${min.toFixed(1)} to ${max.toFixed(1)} in ${values.length} rounds)`;
}
