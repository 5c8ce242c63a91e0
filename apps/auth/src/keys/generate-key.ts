import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { admitPublicJwk, algorithms, type AlgorithmName, type JsonObject } from '#jws';
import type { NewKey } from './key-life-cycle.js';
import type { KeySeal } from './key-seal.js';

const generate = promisify(generateKeyPair);

/** Generates a key pair and seals its private half. Only the seal of the private half is kept. */
export async function generateKey(
  alg: AlgorithmName,
  rsaModulusBits: number,
  seal: KeySeal,
): Promise<NewKey> {
  const algorithm = algorithms[alg];
  const { publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject } =
    'crv' in algorithm
      ? await generate('ec', { namedCurve: algorithm.crv })
      : await generate('rsa', { modulusLength: rsaModulusBits });
  const jwk = publicKey.export({ format: 'jwk' }) as JsonObject;
  const { thumbprint: kid } = admitPublicJwk({ ...jwk, alg });
  const publicJwk = { ...jwk, kid, alg, use: 'sig' };
  return { kid, alg, publicJwk, seal: seal.seal({ kid, alg, publicJwk }, privateKey) };
}
