import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { securityEvent } from '#service-kit';
import { AuthError } from '../errors.js';
import { ClientKey } from './client-key.entity.js';
import { addKeys, MAX_CLIENT_KEYS, type ClientRegistration } from './client-registration.js';
import { holdClient } from './lock-clients.js';

/**
 * How long an old key is still accepted when a new one is in use. An assertion lives for 60 s at most, and a service
 * reads its key file anew for each assertion. So nobody needs the old key by then.
 */
export const CLIENT_KEY_GRACE_SECONDS = 300;

/** What becomes of the client's other keys: they stay, they end after the grace, or they end now. */
export type OtherKeys = 'stay' | 'end-soon' | 'end-now';

export interface ClientKeyChange {
  /** The kids of the new keys. */
  readonly added: readonly string[];
  readonly ended: readonly Pick<ClientKey, 'kid' | 'notAfter'>[];
}

/** Exchanges the keys of a client. An operator does this with a file. Nobody can do it over HTTP. */
@Injectable()
export class ClientKeysService {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Registers the keys of a known client. The first key of the registration is the one that the client uses, or will use.
   * The end of a key is never put off, so a second call changes nothing.
   *
   * @throws AuthError `client_not_found` · `client_key_of_another` · `client_key_ended` if the first key has an end ·
   *   `too_many_client_keys`
   */
  async register(registration: ClientRegistration, others: OtherKeys): Promise<ClientKeyChange> {
    const { client_id: client, jwks } = registration;
    const first = jwks.keys[0]!.thumbprint;
    const change = await this.dataSource.transaction(async (tx) => {
      await holdClient(tx, client);
      const added = await addKeys(tx, registration);
      const { notAfter } = await tx.findOneByOrFail(ClientKey, { kid: first });
      if (notAfter) throw new AuthError('client_key_ended', { message: `the key ${first} has an end` });
      const seconds = others === 'end-soon' ? CLIENT_KEY_GRACE_SECONDS : 0;
      const ended = others === 'stay' ? [] : await endOthers(tx, { client, first, seconds });
      await requireRoom(tx, client);
      return { added, ended };
    });
    for (const kid of change.added) securityEvent('client_key.added', { client, kid });
    for (const { kid, notAfter } of change.ended)
      securityEvent('client_key.ended', { client, kid, notAfter: notAfter!.toISOString() });
    return change;
  }
}

async function endOthers(
  tx: EntityManager,
  { client, first, seconds }: { client: string; first: string; seconds: number },
): Promise<ClientKeyChange['ended']> {
  const [ended] = await tx.query<[ClientKeyChange['ended'], number]>(
    `UPDATE client_key SET not_after = now.time + $3 * interval '1 second'
       FROM (SELECT clock_timestamp() AS time) AS now
      WHERE client_id = $1 AND kid <> $2
        AND (not_after IS NULL OR not_after > now.time + $3 * interval '1 second')
      RETURNING kid, not_after AS "notAfter"`,
    [client, first, seconds],
  );
  return ended;
}

/** The authentication looks at a bounded number of keys, so no more may be open. */
async function requireRoom(tx: EntityManager, client: string): Promise<void> {
  const [open] = await tx.query<{ keys: number }[]>(
    `SELECT count(*)::int AS keys FROM client_key
      WHERE client_id = $1 AND (not_after IS NULL OR not_after > clock_timestamp())`,
    [client],
  );
  if (open!.keys > MAX_CLIENT_KEYS) throw new AuthError('too_many_client_keys');
}
