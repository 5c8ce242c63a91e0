/**
 * Every security event of the system, in one table: the line that it makes in the log is typed by it, and
 * docs/security-events.md is generated from it. A line is one JSON object at level info (`nats.lost` and
 * `revocations.too_many`: warn). It has
 * `event`, the fields of its row, `requestId` within a request, and `by`: who caused it. Fields are ids, codes and numbers.
 * There is no field for an e-mail address, a token or a text that somebody typed.
 */
import { Logger } from '@nestjs/common';
import type { TrustEvent } from '#trust/nest';
import { currentActor } from './request-context.js';

interface Row {
  readonly meaning: string;
  /** Each field with its meaning. */
  readonly fields: Readonly<Record<string, string>>;
}

const account = 'id of the account';
const session = 'sid of the session';
const client = 'id of the client';
const audience = 'the service that the token is for';
const kid = 'kid of the key';
const alg = 'its algorithm';
const rotation = 'id of the rotation';
const refused = {
  channel: 'how it arrived: `nats` or `http`',
  reason: 'code of the refusal',
  count: 'how many were refused for this reason since the last line',
};

export const securityEvents = {
  'account.registered': { meaning: 'An account was registered.', fields: { account } },
  'account.disabled': {
    meaning: 'An account was disabled, and its sessions ended.',
    fields: { account, sessions: 'sids of the ended sessions' },
  },
  'account.enabled': { meaning: 'A disabled account may log in again.', fields: { account } },
  'account.roles_changed': {
    meaning: 'The roles of an account changed. If it lost one, its access tokens are refused.',
    fields: { account, roles: 'roles that it has now', before: 'roles that it had' },
  },
  'password.changed': {
    meaning: 'An account changed its password, and its other sessions ended.',
    fields: { account, sessions: 'sids of the ended sessions' },
  },
  'login.succeeded': {
    meaning: 'A password was right and a session began.',
    fields: { account, session, audience: 'the service that the first token is for' },
  },
  'login.refused': {
    meaning: 'A login was refused. Attempts beyond the limits of failed logins are not logged.',
    fields: {
      account: 'id of the account; null if there is none',
      reason: '`unknown_account`, `wrong_password`, `account_disabled` or `invalid_target`',
    },
  },
  logout: { meaning: 'A logout with the token of the session ended it.', fields: { account, session } },
  'logout.all': {
    meaning: 'An account ended all of its sessions.',
    fields: { account, sessions: 'sids of the ended sessions' },
  },
  'session.refreshed': {
    meaning: 'A refresh token was exchanged for new tokens.',
    fields: { account, session },
  },
  'session.ended': {
    meaning:
      'A session ended: its account asked for it, or had too many, or a refresh token was presented that had been used before. The last is a sign of theft.',
    fields: { account, session, reason: '`requested`, `too_many` or `refresh_token_reused`' },
  },
  'client.refused': {
    meaning:
      'A service could not authenticate as a client. `replayed` means that an assertion was used a second time: somebody may have copied it.',
    fields: {
      client: 'id of the client; null if the request names no known one',
      reason:
        'code of the first check that failed, such as `no_authentication`, `bad_signature`, `wrong_audience`, `expired`, `replayed` or `client_disabled`',
    },
  },
  'client.disabled': {
    meaning: 'A client was disabled. It gets no token, and the tokens that it got are refused.',
    fields: { client },
  },
  'client.enabled': { meaning: 'A disabled client gets tokens again.', fields: { client } },
  'client_key.added': { meaning: 'auth accepts a further key of a client.', fields: { client, kid } },
  'client_key.ended': {
    meaning: 'auth accepts a key of a client only until a certain time.',
    fields: { client, kid, notAfter: 'this time (RFC 3339)' },
  },
  'client_token.issued': {
    meaning: 'A client got a token for itself, without an account.',
    fields: { client, audience, scope: 'scopes of the token' },
  },
  'token.exchanged': {
    meaning: 'A client exchanged the token of an account for a token for another service.',
    fields: {
      client,
      audience,
      account,
      session,
      scope: 'scopes of the new token',
      txn: 'jti of the first token, from the login or the refresh',
    },
  },
  'token.revoked': {
    meaning: 'A client revoked a token that was issued to it.',
    fields: {
      client,
      audience,
      session: 'sid of the session; null for a token of the client itself',
      jti: 'jti of the token',
    },
  },
  'key.prepared': {
    meaning: 'A key was prepared: it is published and does not sign yet.',
    fields: { kid, alg },
  },
  'key.activated': { meaning: 'A key signs from now on.', fields: { kid, alg } },
  'key.retiring': {
    meaning: 'A key signs no more. Its tokens are good until they expire.',
    fields: { kid, alg },
  },
  'key.retired': { meaning: 'A key left the key set.', fields: { kid, alg } },
  'key.revoked': {
    meaning: 'A key was revoked. Its tokens are refused.',
    fields: { kid, alg, reason: '`unspecified`, `compromised` or `superseded`' },
  },
  'rotation.started': {
    meaning: 'A rotation began. It waits until all counted verifiers have acknowledged the key.',
    fields: { rotation, kid, cause: '`requested`, `scheduled` or `emergency`' },
  },
  'rotation.finished': { meaning: 'The key of a rotation is active.', fields: { rotation, kid } },
  'rotation.proceeded': {
    meaning: 'An operator told a rotation not to wait any longer.',
    fields: { rotation, kid, waitingFor: 'names of the verifiers that had not acknowledged the key' },
  },
  'rotation.aborted': {
    meaning:
      'A rotation ended, and its key did not become active. An operator stopped it, or the key was revoked.',
    fields: { rotation, kid },
  },
  'anchor.switched': {
    meaning: 'From now on the next trust anchor signs the statements.',
    fields: { anchor: 'RFC 7638 thumbprint of the anchor' },
  },
  recovered: {
    meaning:
      'A database that was restored from a backup was recovered: all keys are new, all sessions ended.',
    fields: {
      from: 'epoch of the database',
      after: 'greatest epoch that was published before',
      epoch: 'epoch of the first statement after it',
      endedSessions: 'number of sessions',
    },
  },
  'statement.refused': {
    meaning: 'A key-set statement was refused. At most one line a minute for each channel and reason.',
    fields: refused,
  },
  'revocation.refused': {
    meaning: 'A revocation was refused. At most one line a minute for each reason.',
    fields: refused,
  },
  'revocations.too_many': {
    meaning:
      'There are more revocations than this process may hold. It is not ready and answers 503 until enough of them have expired.',
    fields: { limit: 'how many it may hold' },
  },
  'keyset.kept_again': { meaning: 'auth can keep its key set up to date again, after a fault.', fields: {} },
  'revocations.published_again': {
    meaning: 'auth can publish revocations again, after a fault.',
    fields: {},
  },
  'nats.connected': { meaning: 'NATS was reached for the first time.', fields: { server: 'host and port' } },
  'nats.lost': { meaning: 'The connection to NATS was lost.', fields: {} },
  'nats.restored': { meaning: 'The connection to NATS was restored.', fields: {} },
  'database.connected': {
    meaning: 'The database was reached. At the start of the service it could not be reached.',
    fields: {},
  },
} as const satisfies Readonly<Record<string, Row>> & Readonly<Record<TrustEvent, Row>>;

export type SecurityEvent = keyof typeof securityEvents;

type Value = string | number | null | readonly string[];
type Fields<E extends SecurityEvent> = Readonly<Record<keyof (typeof securityEvents)[E]['fields'], Value>>;

/** Makes the content of an event's line, for code that has a logger. Other code calls {@link securityEvent}. */
export function eventLine<E extends SecurityEvent>(event: E, fields: Fields<E>): object {
  return { event, by: currentActor(), ...fields };
}

/** The context of the lines. */
export const SECURITY = 'security';
const logger = new Logger(SECURITY);

/** Writes the line of an event. Call it after the commit, because what was rolled back did not happen. */
export function securityEvent<E extends SecurityEvent>(event: E, fields: Fields<E>): void {
  logger.log(eventLine(event, fields));
}
