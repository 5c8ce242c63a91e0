/**
 * Signs client assertions: short JWTs by which this service authenticates at auth (`private_key_jwt`, RFC 7523). Outside
 * of apps/auth this is the only code that signs. Its key signs no access token and no statement.
 */
import { createPrivateKey, randomUUID, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { SignJWT } from 'jose';
import { algorithmNames, algorithms, type AlgorithmName } from '#jws';

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};
const LIFE_SECONDS = 60;

interface AssertionOptions {
  /** The name of this service. */
  readonly client: string;
  /** The only audience. It is the `iss` of tokens, and not the URL of the endpoint (draft-ietf-oauth-rfc7523bis). */
  readonly issuer: string;
  /** A PEM file with the private half (PKCS#8). */
  readonly keyFile: string;
}

/**
 * Signs an assertion for one request. The file is read each time, so a new key in it counts at once.
 *
 * @throws Error if the file cannot be read, or its key fits no algorithm
 */
export async function signAssertion({ client, issuer, keyFile }: AssertionOptions): Promise<string> {
  const key = createPrivateKey(await readFile(keyFile));
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: algorithmOf(key), typ: 'client-authentication+jwt' })
    .setIssuer(client)
    .setSubject(client)
    .setAudience(issuer)
    .setIssuedAt(now)
    .setExpirationTime(now + LIFE_SECONDS)
    .setJti(randomUUID())
    .sign(key);
}

/** Whether a file holds a key that can sign assertions. For the start of a service. */
export function holdsClientKey(file: string): boolean {
  try {
    algorithmOf(createPrivateKey(readFileSync(file)));
    return true;
  } catch {
    return false;
  }
}

/** Returns the first algorithm of our table that fits the key. @throws Error if none does */
function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): AlgorithmName {
  const kty = type?.toUpperCase();
  const crv = details?.namedCurve === undefined ? undefined : CURVES[details.namedCurve];
  const name = algorithmNames.find((each) => {
    const algorithm: { kty: string; crv?: string } = algorithms[each];
    return algorithm.kty === kty && algorithm.crv === crv;
  });
  if (name === undefined) throw new Error('the client key must be RSA, or EC on P-256, P-384 or P-521');
  return name;
}
