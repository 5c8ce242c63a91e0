import { createHmac, type KeyObject } from 'node:crypto';
import type { TrustErrorCode } from '#trust';
import { decode } from './tokens.js';

/** A token that auth did not sign, and the reason for which a verifier must refuse it. */
interface Forgery {
  readonly what: string;
  readonly forged: string;
  readonly verdict: TrustErrorCode;
}

/** Makes forgeries that every verifier must refuse, from a genuine token and the public key that it names. */
export function forgeries(token: string, publicKey: KeyObject): Forgery[] {
  const [header, payload, signature = ''] = token.split('.');
  const { header: head, claims } = decode(token);
  // Change a character in the middle. Some bits of the last character may belong to no byte.
  const at = Math.floor(signature.length / 2);
  const changed = signature.slice(0, at) + (signature[at] === 'A' ? 'B' : 'A') + signature.slice(at + 1);
  const hmacInput = `${encode({ ...head, alg: 'HS256' })}.${payload}`;
  const secret = publicKey.export({ type: 'spki', format: 'pem' });
  return [
    {
      what: 'One character of the signature changed',
      forged: `${header}.${payload}.${changed}`,
      verdict: 'bad_signature',
    },
    {
      what: 'roles: ["admin"] written into the claims, signature kept',
      forged: `${header}.${encode({ ...claims, roles: ['admin'] })}.${signature}`,
      verdict: 'bad_signature',
    },
    {
      what: 'alg: none and no signature (RFC 7518 §3.6)',
      forged: `${encode({ ...head, alg: 'none' })}.${payload}.`,
      verdict: 'alg_mismatch',
    },
    {
      what: 'alg: HS256, signed with the public key as the secret (RFC 8725 §2.1)',
      forged: `${hmacInput}.${createHmac('sha256', secret).update(hmacInput).digest('base64url')}`,
      verdict: 'alg_mismatch',
    },
  ];
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
