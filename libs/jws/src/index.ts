/**
 * Compact JWS (RFC 7515) as Signet reads it, and nothing else: the algorithm table, the strict parser, the
 * signature check and the admission of public keys. There is no code here that signs.
 */
export { algorithmNames, algorithms, isAlgorithmName, type AlgorithmName } from './algorithms.js';
export { parseCompact, readPayload, verifySignature } from './compact.js';
export { JwsError } from './jws-error.js';
export { admitPublicJwk, type PublicKey } from './public-jwk.js';
export { repeatedNameIn, type JsonObject } from './strict-json.js';
