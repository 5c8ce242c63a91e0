/**
 * Keys for verifiers of other libraries. Each function takes a {@link KeySource}, such as the result of `openTrust`, and
 * returns what one library takes in place of a key. The library then asks for the key of each token, so that it follows
 * every rotation and refuses a revoked key at once.
 */
import type { KeyObject } from 'node:crypto';
import { decodeBase64url, parseJsonObject } from '#jws';
import { TrustError } from '../trust-error.js';
import type { KeyHeader, KeySource } from './key-source.js';

export { JwksKeySource, type JwksKeySourceOptions } from './jwks-key-source.js';
export type { KeyHeader, KeySource } from './key-source.js';

/** For `jwtVerify(token, keysForJose(source))` of jose. */
export function keysForJose(source: KeySource) {
  return (header: KeyHeader): Promise<KeyObject> => source.keyFor(header);
}

/** For `jwt.verify(token, keysForJsonwebtoken(source), options, callback)` of jsonwebtoken. */
export function keysForJsonwebtoken(source: KeySource) {
  return (header: KeyHeader, done: (error: Error | null, key?: KeyObject) => void): void => {
    source.keyFor(header).then((key) => done(null, key), done);
  };
}

/**
 * For `JwtModule.register({ secretOrKeyProvider: keysForNestJwt(source) })` of `@nestjs/jwt`, and `verifyAsync` there. It has
 * no key to sign with.
 */
export function keysForNestJwt(source: KeySource) {
  return (requestType: number, token: unknown): Promise<KeyObject> => {
    // Thrown at once, because `signAsync` does not catch a rejection.
    if (requestType !== NEST_VERIFY || typeof token !== 'string')
      throw new TypeError('this key source has public keys only: it cannot sign');
    return keyForToken(source, token);
  };
}
/** `JwtSecretRequestType.VERIFY` of `@nestjs/jwt`. */
const NEST_VERIFY = 1;

/** For `new Strategy({ secretOrKeyProvider: keysForPassportJwt(source), … })` of passport-jwt. */
export function keysForPassportJwt(source: KeySource) {
  return (
    _request: unknown,
    token: unknown,
    // The types of passport-jwt do not have KeyObject. It hands the key to jsonwebtoken, which takes one.
    done: (error: Error | null, key?: never) => void,
  ): void => {
    const answer = done as (error: Error | null, key?: KeyObject) => void;
    keyForToken(source, String(token)).then((key) => answer(null, key), answer);
  };
}

/** For `createVerifier({ key: keysForFastJwt(source) })` of fast-jwt. Its option `cache` must stay off. */
export function keysForFastJwt(source: KeySource) {
  return async ({ header }: { header: KeyHeader }): Promise<string> => pemOf(await source.keyFor(header));
}

const pems = new WeakMap<KeyObject, string>();

function pemOf(key: KeyObject): string {
  const pem = pems.get(key) ?? key.export({ format: 'pem', type: 'spki' }).toString();
  pems.set(key, pem);
  return pem;
}

async function keyForToken(source: KeySource, token: string): Promise<KeyObject> {
  return source.keyFor(headerOf(token));
}

/** @throws TrustError `malformed` */
function headerOf(token: string): KeyHeader {
  try {
    return parseJsonObject(decodeBase64url(token.split('.', 1)[0]!, 'header'), 'header');
  } catch (cause) {
    throw new TrustError('malformed', 'the token has no header', { cause });
  }
}
