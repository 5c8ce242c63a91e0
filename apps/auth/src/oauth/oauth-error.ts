import { apiProblems, defineProblems, ServiceError } from '#service-kit';

/** The error codes of RFC 6749 §5.2, `invalid_target` of RFC 8707 §2, and `unsupported_token_type` of RFC 7009 §2.2.1. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_token_type';

/** A request that an endpoint of OAuth refuses. The message and the cause are for the log only. */
export class OAuthError extends ServiceError<OAuthErrorCode> {}

/**
 * The status and `error_description` of each code, at the endpoints of OAuth. They do not say which check failed. The last
 * two are codes of the server, which reads forms there.
 */
export const oauthProblems = defineProblems<OAuthErrorCode | 'unsupported_media_type' | 'malformed_body'>({
  invalid_request: { status: 400, title: 'The request lacks a parameter or has a wrong one' },
  invalid_client: { status: 401, title: 'The client authentication failed' },
  invalid_grant: { status: 400, title: 'The token is not good, or it belongs to another client' },
  invalid_scope: { status: 400, title: 'A scope is unknown or may not be granted' },
  invalid_target: { status: 400, title: 'Name one known service, as resource or as audience' },
  unauthorized_client: { status: 400, title: 'This client may not use this grant for this service' },
  unsupported_grant_type: { status: 400, title: 'The grant type is not supported' },
  unsupported_token_type: { status: 400, title: 'A refresh token cannot be revoked here; log out instead' },
  unsupported_media_type: {
    status: 400,
    title: 'Send the parameters as application/x-www-form-urlencoded',
  },
  malformed_body: { status: 400, title: 'The form cannot be parsed' },
});

/** Documents the errors of an endpoint. Those of the form itself need not be named. */
export const ApiOAuthErrors = apiProblems<OAuthErrorCode>();
