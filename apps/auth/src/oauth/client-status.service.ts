import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { securityEvent } from '#service-kit';
import { AuthError } from '../errors.js';
import { KeySetService } from '../key-set/key-set.service.js';
import { RevocationsService } from '../revocations/revocations.service.js';
import type { ClientKey } from './client-key.entity.js';
import { Client } from './client.entity.js';
import { holdClient } from './lock-clients.js';
import { WEB_CLIENT } from '../sessions/grants.js';

export interface ClientFacts {
  readonly id: string;
  readonly disabledAt: Date | null;
  /** Until then services refuse every token of the client, so it cannot be enabled. Null: it is not revoked. */
  readonly revokedUntil: Date | null;
  /** The keys that auth accepts now, the newest first. */
  readonly keys: readonly Pick<ClientKey, 'kid' | 'alg' | 'addedAt' | 'notAfter'>[];
}

/**
 * Lists, disables and enables clients. A disabled client gets no token. The tokens that it has are revoked by its
 * `client_id`, which names no time. So it can be enabled only when this revocation has expired.
 */
@Injectable()
export class ClientStatusService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly revocations: RevocationsService,
    private readonly keySet: KeySetService,
  ) {}

  /** All clients, by id. There are as many as services, because only files register them. */
  list(): Promise<ClientFacts[]> {
    return factsOf(this.dataSource.manager);
  }

  /**
   * Gives the client no token from now on, and revokes those that it got. Resolves when the revocation is published, after
   * 1 s at most. A second call changes nothing.
   *
   * @throws AuthError `client_not_found` · `client_of_logins` · `database_went_back`
   */
  async disable(id: string): Promise<ClientFacts> {
    if (id === WEB_CLIENT) throw new AuthError('client_of_logins');
    const { facts, isNew } = await this.revocations.transaction(async (tx, revoke) => {
      const { client, now } = await holdClient(tx, id);
      const isNew = client.disabledAt === null;
      if (isNew) {
        await tx.update(Client, { id }, { disabledAt: now });
        await revoke([{ kind: 'client_id', value: id }]);
      }
      return { facts: await findFacts(tx, id), isNew };
    });
    if (isNew) securityEvent('client.disabled', { client: id });
    return facts;
  }

  /**
   * Gives the client tokens again. The same transaction issues a statement that no longer counts its revocation, so
   * verifiers forget the revocation before they see a new token. For an enabled client nothing changes.
   *
   * @throws AuthError `client_not_found` · `client_still_revoked` · `database_went_back`
   */
  async enable(id: string): Promise<ClientFacts> {
    const { answer } = await this.keySet.change(async (keys, { tx, tell }) => {
      const { client, now } = await holdClient(tx, id);
      const before = await findFacts(tx, id);
      if (client.disabledAt === null) return { answer: before };
      if (before.revokedUntil) {
        const retryAfterSeconds = Math.ceil((before.revokedUntil.getTime() - now.getTime()) / 1000);
        throw new AuthError('client_still_revoked', { retryAfterSeconds });
      }
      // The exchange of a token looks at each row, also at one that no statement counts any more.
      await tx.query(`DELETE FROM revocation WHERE kind = 'client_id' AND value = $1`, [id]);
      await tx.update(Client, { id }, { disabledAt: null });
      tell('client.enabled', { client: id });
      return { keys, answer: await findFacts(tx, id) };
    });
    return answer;
  }
}

async function findFacts(tx: EntityManager, id: string): Promise<ClientFacts> {
  const [facts] = await factsOf(tx, [id]);
  return facts!;
}

/** What is known about these clients; without `ids`, about all. */
async function factsOf(manager: EntityManager, ids?: readonly string[]): Promise<ClientFacts[]> {
  // Verifiers hold every revocation whose number is not less than that of the oldest one that still matters.
  const clients = await manager.query<Omit<ClientFacts, 'keys'>[]>(
    `SELECT id, disabled_at AS "disabledAt",
            (SELECT max(expires_at) FROM revocation WHERE expires_at > clock_timestamp() AND n <=
              (SELECT max(n) FROM revocation WHERE kind = 'client_id' AND value = client.id)) AS "revokedUntil"
       FROM client WHERE $1::text[] IS NULL OR id = ANY($1) ORDER BY id`,
    [ids ?? null],
  );
  const keys = await manager.query<(ClientFacts['keys'][number] & { clientId: string })[]>(
    `SELECT client_id AS "clientId", kid, alg, added_at AS "addedAt", not_after AS "notAfter" FROM client_key
      WHERE (not_after IS NULL OR not_after > clock_timestamp()) AND client_id = ANY($1)
      ORDER BY added_at DESC, kid`,
    [clients.map(({ id }) => id)],
  );
  return clients.map((client) => ({
    ...client,
    keys: keys.filter(({ clientId }) => clientId === client.id).map(({ clientId: _, ...key }) => key),
  }));
}
