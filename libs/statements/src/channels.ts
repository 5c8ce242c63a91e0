/**
 * Where statements travel: NATS subjects and streams, and HTTP paths under the issuer. infra/system makes the NATS
 * accounts that protect the subjects.
 */
export const KEYSET_SUBJECT = 'trust.keyset';
export const KEYSET_STREAM = 'TRUST';
/** Direct get of the last statement: one request, one answer, no consumer. */
export const KEYSET_DIRECT_GET = `$JS.API.DIRECT.GET.${KEYSET_STREAM}.${KEYSET_SUBJECT}`;
/** Every revocation: `trust.revocation.<n>`. */
export const REVOCATION_SUBJECTS = 'trust.revocation.>';
export const REVOCATION_STREAM = 'REVOCATIONS';
/** Direct get of one revocation. The request names it with {@link lastBySubject}. */
export const REVOCATION_DIRECT_GET = `$JS.API.DIRECT.GET.${REVOCATION_STREAM}`;
/** Every acknowledgement: `trust.ack.<service>.<instance>`. */
export const ACK_SUBJECTS = 'trust.ack.>';

export const KEYSET_PATH = '/.well-known/keyset';
export const JWKS_PATH = '/.well-known/jwks.json';
/** Media type of the signed key set, as in OpenID Federation 1.0 §5.2.1.1. */
export const KEYSET_MEDIA_TYPE = 'application/jwk-set+jwt';

/**
 * The subject on which an instance of a service acknowledges statements: `{epoch, kids, pins, at}`. When the instance
 * stops, it sends `{goodbye: true, at}`. `at` is the time of its clock in ms.
 */
export function ackSubject(service: string, instance: string): string {
  return `trust.ack.${service}.${instance}`;
}

/** The subject of the revocation with that number. */
export function revocationSubject(n: number): string {
  return `trust.revocation.${n}`;
}

/** The body of a direct get that asks for the last message of a subject. */
export function lastBySubject(subject: string): string {
  return JSON.stringify({ last_by_subj: subject });
}
