/** Names of OAuth that auth and its clients share. */

/** Where auth gives tokens (RFC 6749 §3.2). */
export const TOKEN_PATH = '/oauth/token';
/** RFC 6749 §4.4: a token for the client itself. */
export const CLIENT_CREDENTIALS = 'client_credentials';
/** RFC 8693 §2.1: a token in exchange for another one. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** RFC 8693 §3. */
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
/** RFC 7523 §2.2: the client authenticates by a JWT that it signs. */
export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
