/**
 * Converts an ECDSA signature from the form of JOSE (r and s side by side, each of fixed length, RFC 7518 §3.4) to
 * ASN.1 DER, the form of OpenSSL. OpenSSL checks the range of r and s.
 */
export function joseToDer(signature: Buffer): Buffer {
  const size = signature.length / 2;
  const [r, s] = [magnitude(signature.subarray(0, size)), magnitude(signature.subarray(size))];
  const length = derLength(r) + derLength(s);
  // P-521 gives more than 127 bytes. DER then writes the length in two bytes.
  const head = length < 0x80 ? [0x30, length] : [0x30, 0x81, length];
  const der = Buffer.allocUnsafe(head.length + length);
  der.set(head);
  writeInteger(der, head.length, r);
  writeInteger(der, head.length + derLength(r), s);
  return der;
}

/** Without the zero bytes in front, of which DER allows none. */
function magnitude(unsigned: Buffer): Buffer {
  let start = 0;
  while (start < unsigned.length - 1 && unsigned[start] === 0) start += 1;
  return unsigned.subarray(start);
}

// DER integers have a sign, so a leading one-bit needs a zero byte before it.
const signBytes = (value: Buffer): number => (value[0]! >= 0x80 ? 1 : 0);

const derLength = (value: Buffer): number => 2 + signBytes(value) + value.length;

function writeInteger(der: Buffer, offset: number, value: Buffer): void {
  der[offset] = 0x02;
  der[offset + 1] = signBytes(value) + value.length;
  der[offset + 2] = 0;
  der.set(value, offset + 2 + signBytes(value));
}
