/**
 * Converts an ECDSA signature from the form of JOSE (r and s side by side, each of fixed length, RFC 7518 §3.4) to
 * ASN.1 DER, the form of OpenSSL. OpenSSL checks the range of r and s.
 */
export function joseToDer(signature: Buffer): Buffer {
  const size = signature.length / 2;
  const r = derInteger(signature.subarray(0, size));
  const s = derInteger(signature.subarray(size));
  const length = r.length + s.length;
  // P-521 gives more than 127 bytes. DER then writes the length in two bytes.
  const head = length < 0x80 ? [0x30, length] : [0x30, 0x81, length];
  return Buffer.concat([Buffer.from(head), r, s]);
}

function derInteger(unsigned: Buffer): Buffer {
  let start = 0;
  while (start < unsigned.length - 1 && unsigned[start] === 0) start += 1;
  const magnitude = unsigned.subarray(start);
  // DER integers have a sign, so a leading one-bit needs a zero byte before it.
  const sign = magnitude[0]! >= 0x80 ? [0] : [];
  return Buffer.concat([Buffer.from([0x02, sign.length + magnitude.length, ...sign]), magnitude]);
}
