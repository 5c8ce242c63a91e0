/** Registers clients from files. Nobody can register one over HTTP. */
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { admitPublicJwk, JwsError, type JsonObject } from '#jws';
import { AuthError } from '../errors.js';
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

/** The name of a client: that of its service. */
export const clientId = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'not a name of a client');

/** What a file says about one client: the members of RFC 7591 §2 that matter here. A private key is refused. */
export const clientRegistration = z.strictObject({
  client_id: clientId,
  jwks: z.strictObject({
    keys: z.array(z.record(z.string(), z.unknown()).transform(admitted)).min(1).max(MAX_CLIENT_KEYS),
  }),
});

/** Parses JSON. It hides the error of JSON.parse, because that error quotes a part of the secret text. */
export function jsonOf(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue('the file is not JSON');
    return z.NEVER;
  }
}

/** The text of such a file. */
export const clientRegistrationText = z.string().transform(jsonOf).pipe(clientRegistration);

export type ClientRegistration = z.infer<typeof clientRegistration>;

/** Adds the client and those of its keys that are not registered yet. Returns the kids of the keys that it added. */
export async function registerClient(
  manager: EntityManager,
  registration: ClientRegistration,
): Promise<string[]> {
  const row = { id: registration.client_id };
  await manager.createQueryBuilder().insert().into(Client).values(row).orIgnore().execute();
  return addKeys(manager, registration);
}

/**
 * Adds the keys that are not registered yet. Returns their kids. A key that has ended stays ended.
 *
 * @throws AuthError `client_key_of_another`
 */
export async function addKeys(
  manager: EntityManager,
  { client_id: client, jwks }: ClientRegistration,
): Promise<string[]> {
  const added: string[] = [];
  for (const { thumbprint: kid, alg, jwk } of jwks.keys) {
    const known = await manager.findOneBy(ClientKey, { kid });
    if (known && known.clientId !== client) {
      const message = `the key ${kid} of the client ${client} belongs to ${known.clientId}`;
      throw new AuthError('client_key_of_another', { message });
    }
    if (known) continue;
    await manager.insert(ClientKey, {
      kid,
      clientId: client,
      alg,
      publicJwk: { ...jwk, kid },
      notAfter: null,
    });
    added.push(kid);
  }
  return added;
}
