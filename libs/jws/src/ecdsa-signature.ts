/**
 * Converts an ECDSA signature from the form of JOSE (r and s side by side, each of fixed length, RFC 7518 §3.4) to
 * ASN.1 DER, the form of OpenSSL. OpenSSL checks the range of r and s.
 */
export function joseToDer(signature: Buffer): Buffer {
  const size = signature.length / 2;
  const r = integerIn(signature, 0, size);
  const s = integerIn(signature, size, 2 * size);
  const length = 2 + r.length + 2 + s.length;
  // P-521 gives more than 127 bytes. DER then writes the length in two bytes.
  const begin = length < 0x80 ? 2 : 3;
  const der = Buffer.allocUnsafe(begin + length);
  der[0] = 0x30;
  der[1] = 0x81;
  der[begin - 1] = length;
  write(der, begin, signature, r);
  write(der, begin + 2 + r.length, signature, s);
  return der;
}

/** Where a non-negative integer stands in a signature, and how many bytes DER needs for it. */
interface DerInteger {
  /** The first byte that is not zero. */
  readonly start: number;
  readonly end: number;
  readonly length: number;
}

function integerIn(bytes: Buffer, begin: number, end: number): DerInteger {
  let start = begin;
  while (start < end - 1 && bytes[start] === 0) start += 1;
  // DER integers have a sign, so a leading one-bit needs a zero byte before it.
  return { start, end, length: end - start + (bytes[start]! >= 0x80 ? 1 : 0) };
}

function write(der: Buffer, offset: number, bytes: Buffer, { start, end, length }: DerInteger): void {
  der[offset] = 0x02;
  der[offset + 1] = length;
  der[offset + 2] = 0;
  // Faster than `copy`, which makes a view of a part first.
  const shift = offset + 2 + length - end;
  for (let i = start; i < end; i += 1) der[i + shift] = bytes[i]!;
}
