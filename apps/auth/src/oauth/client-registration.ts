/** Registers clients from files. Nobody can register one over HTTP. */
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { admitPublicJwk, JwsError, type JsonObject } from '#jws';
import { ClientKey } from './client-key.entity.js';
import { Client } from './client.entity.js';

/** The most keys of one client that are looked at. One signs, and one more is enough for its rotation. */
export const MAX_CLIENT_KEYS = 10;

function admitted(jwk: JsonObject, context: z.RefinementCtx) {
  try {
    return { jwk, ...admitPublicJwk(jwk) };
  } catch (error) {
    context.addIssue(error instanceof JwsError ? error.message : 'the key cannot be read');
    return z.NEVER;
  }
}

/** What a file says about one client: the members of RFC 7591 §2 that matter here. A private key is refused. */
export const clientRegistration = z.strictObject({
  client_id: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'not a name of a client'),
  jwks: z.strictObject({
    keys: z.array(z.record(z.string(), z.unknown()).transform(admitted)).min(1).max(MAX_CLIENT_KEYS),
  }),
});

/** Adds the client and those of its keys that are not registered yet. Returns the kids of the keys that it added. */
export async function registerClient(
  manager: EntityManager,
  { client_id: clientId, jwks }: z.infer<typeof clientRegistration>,
): Promise<string[]> {
  const added: string[] = [];
  await manager.createQueryBuilder().insert().into(Client).values({ id: clientId }).orIgnore().execute();
  for (const { thumbprint: kid, alg, jwk } of jwks.keys) {
    const known = await manager.findOneBy(ClientKey, { kid });
    if (known && known.clientId !== clientId)
      throw new Error(`the key ${kid} of the client ${clientId} belongs to ${known.clientId}`);
    if (known) continue;
    await manager.insert(ClientKey, { kid, clientId, alg, publicJwk: { ...jwk, kid }, notAfter: null });
    added.push(kid);
  }
  return added;
}
