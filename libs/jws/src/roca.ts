const GENERATOR = 65537n;
// The first 38 odd primes. They divide the primorial from which the weak generator makes 512-bit primes.
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
  109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
].map(BigInt);

/**
 * Whether an RSA modulus has the fingerprint of the ROCA generator (CVE-2017-15361): modulo each of these small
 * primes it is a power of 65537. A sound modulus has it by chance once in about 2^27.
 */
export function isRocaModulus(modulus: Buffer): boolean {
  const n = BigInt(`0x${modulus.toString('hex')}`);
  return PRIMES.every((prime) => isPowerOfGenerator(n % prime, prime));
}

function isPowerOfGenerator(residue: bigint, prime: bigint): boolean {
  let power = 1n;
  do {
    if (power === residue) return true;
    power = (power * GENERATOR) % prime;
  } while (power !== 1n);
  return false;
}
