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
  | 'session_ended'
  | 'session_not_found'
  | 'account_not_found'
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
  | 'verifier_not_found';

export class AuthError extends ServiceError<AuthErrorCode> {}

/** What a client is told of each code. */
export const authProblems = defineProblems<AuthErrorCode>({
  email_taken: { status: 409, title: 'There is an account with this e-mail address' },
  password_refused: { status: 400, title: 'The password is not acceptable' },
  invalid_credentials: {
    status: 401,
    title: 'The e-mail address or the password is wrong',
    // No registered scheme is a password in JSON. A browser asks its user for nothing at a scheme that it does not know.
    challenge: 'Password realm="/auth/login"',
  },
  too_many_failed_logins: { status: 429, title: 'Too many failed logins; wait before the next' },
  login_busy: { status: 503, title: 'Too many logins at once; try again' },
  too_many_registrations: {
    status: 429,
    title: 'Too many registrations from this address; wait before the next',
  },
  registrations_busy: { status: 503, title: 'Too many registrations at once; try again' },
  invalid_target: { status: 400, title: 'This account gets no token for this audience' },
  session_ended: {
    status: 401,
    title: 'The session has ended',
    challenge: 'Bearer error="invalid_token"',
  },
  session_not_found: { status: 404, title: 'You have no live session of this id' },
  account_not_found: { status: 404, title: 'There is no account of this id' },
  key_not_found: { status: 404, title: 'There is no key of this kid' },
  key_not_revocable: { status: 409, title: 'The key is retired or revoked already' },
  rotation_in_progress: { status: 409, title: 'A rotation is in progress' },
  rotation_aborted: { status: 409, title: 'The rotation was called off' },
  no_rotation: { status: 409, title: 'No rotation is in progress' },
  too_many_keys: { status: 409, title: 'The key set is full; wait until a retiring key has retired' },
  nothing_to_recover: { status: 409, title: 'The database is as new as its newest statement' },
  no_anchor_exchange: { status: 409, title: 'auth has no next trust anchor that it could go over to' },
  verifier_not_found: { status: 404, title: 'No verifier with this name is remembered' },
  database_went_back: {
    status: 503,
    title: 'The key store is older than what was published; it must be recovered',
  },
  no_signing_key: { status: 503, title: 'No key may sign at the moment' },
});

/** Documents the problems that a route's own rules answer with. */
export const ApiProblems = apiProblems<AuthErrorCode>();
