/**
 * Where statements travel: NATS subjects and streams, and the HTTP paths under the issuer. The account layout
 * that guards the subjects is made by infra/composition.
 */
export const KEYSET_SUBJECT = 'trust.keyset';
export const KEYSET_STREAM = 'TRUST';
/** Direct get of the last statement: one request, one answer, no consumer. */
export const KEYSET_DIRECT_GET = `$JS.API.DIRECT.GET.${KEYSET_STREAM}.${KEYSET_SUBJECT}`;
/** Every acknowledgement: `trust.ack.<service>.<instance>`. */
export const ACK_SUBJECTS = 'trust.ack.>';

export const KEYSET_PATH = '/.well-known/keyset';
export const JWKS_PATH = '/.well-known/jwks.json';
/** Media type of the signed key set (OpenID Federation 1.0 §5.2.1.1 calls the same thing so). */
export const KEYSET_MEDIA_TYPE = 'application/jwk-set+jwt';

/** The subject on which one instance of a service acknowledges statements. */
export function ackSubject(service: string, instance: string): string {
  return `trust.ack.${service}.${instance}`;
}
