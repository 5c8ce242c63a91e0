import { apiProblems, defineProblems, ServiceError } from '#service-kit';

export type AuthErrorCode =
  | 'email_taken'
  | 'password_refused'
  | 'invalid_credentials'
  | 'too_many_failed_logins'
  | 'login_busy'
  | 'too_many_registrations'
  | 'registrations_busy'
  | 'invalid_target'
  | 'invalid_grant'
  | 'refresh_superseded'
  | 'too_many_refreshes'
  | 'csrf_proof_missing'
  | 'session_ended'
  | 'session_not_found'
  | 'account_not_found'
  | 'client_not_found'
  | 'client_of_logins'
  | 'client_still_revoked'
  | 'client_key_of_another'
  | 'client_key_ended'
  | 'too_many_client_keys'
  | 'own_roles'
  | 'key_not_found'
  | 'key_not_revocable'
  | 'rotation_in_progress'
  | 'no_rotation'
  | 'rotation_aborted'
  | 'too_many_keys'
  | 'no_signing_key'
  | 'database_went_back'
  | 'nothing_to_recover'
  | 'no_anchor_exchange'
  | 'verifier_not_found'
  | 'too_many_revocations';

export class AuthError extends ServiceError<AuthErrorCode> {}

/** The status and the title that a client gets for each code. */
export const authProblems = defineProblems<AuthErrorCode>({
  email_taken: { status: 409, title: 'An account with this e-mail address exists already' },
  password_refused: { status: 400, title: 'The password is not acceptable' },
  invalid_credentials: {
    status: 401,
    title: 'The e-mail address or the password is wrong',
    // No registered scheme means a password in JSON. A browser shows no login dialog for a scheme that it does not
    // know.
    challenge: 'Password realm="/auth/login"',
  },
  too_many_failed_logins: { status: 429, title: 'Too many failed logins; try again later' },
  login_busy: { status: 503, title: 'Too many logins at the same time; try again' },
  too_many_registrations: {
    status: 429,
    title: 'Too many registrations from this network address; try again later',
  },
  registrations_busy: { status: 503, title: 'Too many registrations at the same time; try again' },
  invalid_target: { status: 400, title: 'This account cannot get a token for this audience' },
  invalid_grant: { status: 400, title: 'The refresh token is not valid; log in again' },
  refresh_superseded: {
    status: 409,
    title: 'This refresh token was replaced a moment ago; use the newest one',
  },
  too_many_refreshes: { status: 429, title: 'Too many refreshes; try again later' },
  csrf_proof_missing: {
    status: 403,
    title: 'A request with the refresh cookie needs the header field X-CSRF-Protection',
  },
  session_ended: {
    status: 401,
    title: 'The session has ended; log in again',
    challenge: 'Bearer error="invalid_token"',
  },
  session_not_found: { status: 404, title: 'You have no live session with this id' },
  account_not_found: { status: 404, title: 'There is no account with this id' },
  client_not_found: { status: 404, title: 'There is no client with this id' },
  client_of_logins: { status: 409, title: 'Every login uses this client, so it cannot be disabled' },
  client_still_revoked: {
    status: 409,
    title: 'Services still refuse every token of this client; enable it later',
  },
  client_key_of_another: { status: 409, title: 'The key belongs to another client' },
  client_key_ended: { status: 409, title: 'The key of the client has ended, and cannot come back' },
  too_many_client_keys: { status: 409, title: 'The client has too many keys; wait until one has ended' },
  own_roles: { status: 409, title: 'You cannot change your own roles; ask another administrator' },
  key_not_found: { status: 404, title: 'There is no key with this kid' },
  key_not_revocable: { status: 409, title: 'The key is already retired or revoked' },
  rotation_in_progress: { status: 409, title: 'Another rotation is in progress; wait for it or abort it' },
  rotation_aborted: { status: 409, title: 'The rotation was aborted' },
  no_rotation: { status: 409, title: 'No rotation is in progress' },
  too_many_keys: { status: 409, title: 'The key set is full; wait until a retiring key is retired' },
  nothing_to_recover: {
    status: 409,
    title: 'There is nothing to recover: the database holds the newest statement',
  },
  no_anchor_exchange: {
    status: 409,
    title: 'auth has no next trust anchor; add one to TRUST_ANCHOR_PRIVATE_FILE',
  },
  verifier_not_found: { status: 404, title: 'auth remembers no verifier with this name' },
  too_many_revocations: { status: 503, title: 'Too many tokens were revoked; try again later' },
  database_went_back: {
    status: 503,
    title: 'The database was restored from an old backup; an operator must run the command recover',
  },
  no_signing_key: { status: 503, title: 'No signing key is active now; try again' },
});

/** Documents the problems that a route itself can answer with. */
export const ApiProblems = apiProblems<AuthErrorCode>();
