/** The endpoints of OAuth, by their paths. */
import { TOKEN_PATH, type OAuthEndpoints } from '#service-kit';
import { oauthProblems } from './oauth-error.js';

export const INTROSPECTION_PATH = '/oauth/introspect';
export const REVOCATION_PATH = '/oauth/revoke';

/** For the HTTP server, which reads the bodies of these routes and writes their errors. */
export const oauthEndpoints: OAuthEndpoints = {
  paths: [TOKEN_PATH, INTROSPECTION_PATH, REVOCATION_PATH],
  problems: oauthProblems,
};
