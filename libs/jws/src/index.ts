/**
 * Reads compact JWS (RFC 7515): the table of algorithms, the strict parser, the check of signatures and the admission
 * of public keys. No code here signs.
 */
export { algorithmNames, algorithms, isAlgorithmName, type AlgorithmName } from './algorithms.js';
export { decodeBase64url } from './base64url.js';
export { parseCompact, readPayload, verifySignature } from './compact.js';
export { JwsError, type JwsErrorCode } from './jws-error.js';
export { admitPublicJwk, type PublicKey } from './public-jwk.js';
export { parseJsonObject, repeatedNameIn, type JsonObject } from './strict-json.js';
