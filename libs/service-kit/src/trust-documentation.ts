/** The documentation of `GET /trust`. It is here, because `#trust/nest` does not depend on OpenAPI. */
import { z } from 'zod';

const count = z.int().min(0);
const counts = z.record(z.string(), count);
const numericDate = z.number().describe('Seconds since 1970');

/**
 * The answer of `GET /trust`: the key ring of this service, and how many requests it accepted and refused. Ages are in
 * seconds.
 */
export const trustFacts = z.strictObject({
  audience: z.string(),
  issuer: z.string(),
  freshness: z.enum(['empty', 'confirmed', 'unconfirmed', 'stale']),
  pushed: z.boolean(),
  epoch: z.int().nullable(),
  iat: numericDate.nullable(),
  exp: numericDate.nullable(),
  age: z.number().nullable(),
  pins: z.array(z.string()),
  pin: z.string().nullable(),
  keys: z.array(
    z.strictObject({
      kid: z.string(),
      alg: z.string(),
      status: z.enum(['prepared', 'active', 'retiring']),
      verifyUntil: numericDate.nullable(),
    }),
  ),
  revoked: z.array(z.strictObject({ kid: z.string(), revoked_at: numericDate, reason: z.string() })),
  revocations: z.strictObject({
    from: z.int(),
    to: z.int(),
    missing: count,
    age: z.number().nullable(),
    held: z.strictObject({ jti: count, sid: count, client_id: count }),
    accepted: count,
    refused: counts,
  }),
  statements: z.strictObject({
    accepted: z.strictObject({ nats: count, http: count, local: count, file: count }),
    refused: counts,
  }),
  requests: counts,
});
