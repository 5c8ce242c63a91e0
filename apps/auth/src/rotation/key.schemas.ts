/** The schemas of requests and answers about signing keys. */
import { z } from 'zod';
import { algorithmNames, type AlgorithmName } from '#jws';
import { keyRevocationReasons } from '#statements';
import { keyStatuses } from '../keys/signing-key.entity.js';

const kid = z.string().describe('RFC 7638 thumbprint of the public key');
const alg = z.enum(algorithmNames as [AlgorithmName]);
const time = z.iso.datetime();
const jwksCachedUntil = time.describe('Until this time a third party may hold a cached JWKS without the key');
const waitedMs = z.int().min(0);

export const rotateBody = z.strictObject({
  alg: alg.optional(),
  waitForThirdParties: z
    .boolean()
    .optional()
    .describe('Also wait until no third party can hold a cached JWKS without the key'),
});

export const revokeBody = z.strictObject({
  reason: z.enum(keyRevocationReasons),
  note: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .optional()
    .describe("The operator's own text for auth's database and log; it is never published"),
  includeStandby: z.boolean().default(false),
});

/** What an open rotation waits for. */
export const waiting = z.strictObject({
  rotationId: z.uuid(),
  kid,
  since: time,
  waitingFor: z.array(z.string()),
  jwksCachedUntil: jwksCachedUntil.nullable(),
});

export const rotated = z.strictObject({ kid, alg, epoch: z.int(), waitedMs, jwksCachedUntil });

export const revoked = z.strictObject({
  kid,
  epoch: z.int(),
  activeKid: kid.nullable(),
  waitedMs,
  silent: z.array(z.string()),
  complete: z.boolean(),
});

export const keyList = z.strictObject({
  epoch: z.int().nullable(),
  keys: z.array(
    z.strictObject({
      kid,
      alg,
      status: z.enum(keyStatuses),
      publicJwk: z.looseObject({ kty: z.string() }).describe('RFC 7517; no private member'),
      preparedAt: time,
      activatedAt: time.nullable(),
      verifyUntil: time.nullable(),
      retiredAt: time.nullable(),
      revokedAt: time.nullable(),
      revocationReason: z.literal([...keyRevocationReasons, null]),
      revocationNote: z.string().nullable(),
      jwksCachedUntil: jwksCachedUntil.nullable(),
    }),
  ),
  rotation: waiting.nullable(),
});

export const verifierList = z.strictObject({
  complete: z.boolean(),
  verifiers: z.array(
    z.strictObject({
      service: z.string(),
      instance: z.string(),
      epoch: z.int(),
      kids: z.array(kid),
      pins: z.array(z.string()),
      ageMs: z.int(),
      clockSkewMs: z.int(),
    }),
  ),
  refused: z.record(z.string(), z.int().min(0)),
  anchorExchange: z
    .strictObject({ next: z.string(), waitingFor: z.array(z.string()) })
    .nullable()
    .describe('The thumbprint of the next anchor, and what the anchor exchange waits for'),
});
