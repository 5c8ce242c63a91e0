import type { IncomingHttpHeaders } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { DataSource, type EntityManager } from 'typeorm';
import { admitPublicJwk, type JsonObject, type PublicKey } from '#jws';
import { JWT_BEARER, securityEvent } from '#service-kit';
import { SETTINGS, type AuthSettings } from '../config.js';
import {
  AssertionRefused,
  parseAssertion,
  verifyAssertion,
  type AssertionFault,
} from './client-assertion.js';
import { MAX_CLIENT_KEYS } from './client-registration.js';
import { invalidRequest, type ClientParameters } from './form-parameters.js';
import { OAuthError } from './oauth-error.js';

/** Longer than a query can take. A row is deleted only when no assertion like it can be in progress any more. */
const KEPT_AFTER_END_SECONDS = 60;
const REMEMBERED_KEYS = 1_000;

/** Why a client was refused. Only the log shows it. */
type Refusal = AssertionFault | 'no_authentication' | 'unsupported_method';

/** What the database knows about a client. */
interface KnownClient {
  readonly isDisabled: boolean;
  readonly keys: readonly JsonObject[];
  /** The time of the database, as a NumericDate. Every replica judges by this clock. */
  readonly now: number;
}

/**
 * Authenticates clients by `private_key_jwt`, and by nothing else. auth holds no secret of a client, only its public
 * keys. Each assertion is good for one request: a copy of it is worth nothing, at any replica.
 */
@Injectable()
export class ClientAuthentication {
  /** The keys of clients, by the text of their JWK. To make one takes as long as to check a signature. */
  private readonly keys = new LRUCache<string, PublicKey>({ max: REMEMBERED_KEYS });

  constructor(
    private readonly dataSource: DataSource,
    @Inject(SETTINGS) private readonly settings: AuthSettings,
  ) {}

  /**
   * Returns the id of the client that sends a request. The assertion counts as used from now on, whatever becomes of the
   * request.
   *
   * @throws OAuthError `invalid_request` · `invalid_client`
   */
  async authenticate(parameters: ClientParameters, headers: IncomingHttpHeaders): Promise<string> {
    const assertion = presentedAssertion(parameters, headers);
    const { manager } = this.dataSource;
    const { issuer, clockSkewSeconds } = this.settings;
    let client: string | null = null;
    try {
      const parsed = parseAssertion(assertion);
      const known = await findClient(manager, parsed.claimedClient);
      if (!known) throw new AssertionRefused('unknown_client');
      client = parsed.claimedClient;
      const { jti, exp } = verifyAssertion(parsed, {
        ...known,
        issuer,
        clockSkewSeconds,
        admit: (jwk) => this.admit(jwk),
      });
      // RFC 7521 §4.2: if `client_id` is sent, it must name the client of the assertion.
      if ((parameters.client_id ?? client) !== client) throw new AssertionRefused('client_mismatch');
      if (known.isDisabled) throw new AssertionRefused('client_disabled');
      const end = new Date((exp + clockSkewSeconds) * 1000);
      if (!(await use(manager, { client, jti, end }))) throw new AssertionRefused('replayed');
      return client;
    } catch (error) {
      if (error instanceof AssertionRefused) throw refused(error.code, client, error);
      throw error;
    }
  }

  private admit(jwk: JsonObject): PublicKey {
    const text = JSON.stringify(jwk);
    const key = this.keys.get(text) ?? admitPublicJwk(jwk);
    this.keys.set(text, key);
    return key;
  }
}

/**
 * Finds the assertion of a request. A client that authenticates in two ways at once could be taken for two clients.
 *
 * @throws OAuthError `invalid_request` · `invalid_client`
 */
function presentedAssertion(parameters: ClientParameters, { authorization }: IncomingHttpHeaders): string {
  const { client_secret: secret, client_assertion: assertion, client_assertion_type: type } = parameters;
  const hasAssertion = assertion !== undefined || type !== undefined;
  const ways = [authorization !== undefined, secret !== undefined, hasAssertion].filter(Boolean).length;
  if (ways > 1) throw invalidRequest('Authenticate the client in one way only');
  if (!hasAssertion) throw refused(ways === 0 ? 'no_authentication' : 'unsupported_method', null);
  if (assertion === undefined || type === undefined)
    throw invalidRequest('Send client_assertion and client_assertion_type together');
  if (type !== JWT_BEARER) throw refused('unsupported_method', null);
  return assertion;
}

/** Logs why a client is refused, and makes the error that does not say so. `client` is the id of a known client. */
function refused(reason: Refusal, client: string | null, cause?: unknown): OAuthError {
  securityEvent('client.refused', { client, reason });
  return new OAuthError('invalid_client', { message: `client authentication refused: ${reason}`, cause });
}

async function findClient(manager: EntityManager, clientId: string): Promise<KnownClient | undefined> {
  const rows = await manager.query<{ isDisabled: boolean; jwk: JsonObject | null; now: number }[]>(
    `SELECT disabled_at IS NOT NULL AS "isDisabled", public_jwk AS jwk,
            extract(epoch FROM clock_timestamp())::float8 AS now
       FROM client LEFT JOIN client_key
         ON client_id = client.id AND (not_after IS NULL OR not_after > clock_timestamp())
      WHERE client.id = $1 ORDER BY added_at DESC LIMIT $2`,
    [clientId, MAX_CLIENT_KEYS],
  );
  const [first] = rows;
  if (!first) return undefined;
  const { isDisabled, now } = first;
  return { isDisabled, now, keys: rows.map(({ jwk }) => jwk).filter((jwk) => jwk !== null) };
}

/**
 * Marks an assertion as used. Returns false if it was used before, at this replica or another one. Also deletes up to 100
 * assertions that can no longer be used again. It skips locked rows, so that it cannot deadlock.
 */
async function use(
  manager: EntityManager,
  { client, jti, end }: { client: string; jti: string; end: Date },
): Promise<boolean> {
  const inserted = await manager.query<object[]>(
    `WITH removed AS (
       DELETE FROM client_assertion WHERE (client_id, jti) IN (
         SELECT client_id, jti FROM client_assertion
          WHERE expires_at < clock_timestamp() - $4 * interval '1 second'
          ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)
     )
     INSERT INTO client_assertion (client_id, jti, expires_at) VALUES ($1, $2, $3)
     ON CONFLICT DO NOTHING RETURNING jti`,
    [client, jti, end, KEPT_AFTER_END_SECONDS],
  );
  return inserted.length === 1;
}
