/**
 * What auth states about its keys and its revocations, signed by the trust anchor, and how anybody verifies it. Only
 * apps/auth signs. This library holds the form of the statements, their verification, and the channels on which they
 * travel.
 */
export { ANCHOR_ALG, readAnchor, type Anchor } from './anchor.js';
export {
  ACK_SUBJECTS,
  ackSubject,
  JWKS_PATH,
  KEYSET_DIRECT_GET,
  KEYSET_MEDIA_TYPE,
  KEYSET_PATH,
  KEYSET_STREAM,
  KEYSET_SUBJECT,
  lastBySubject,
  REVOCATION_DIRECT_GET,
  REVOCATION_STREAM,
  REVOCATION_SUBJECTS,
  revocationSubject,
} from './channels.js';
export {
  KEYSET_TYP,
  keyRevocationReasons,
  MAX_STATEMENT_BYTES,
  MAX_STATEMENT_KEYS,
  verifyKeySetStatement,
  type KeyRevocationReason,
  type KeySetPayload,
  type KeySetStatement,
  publishedStatuses,
  type PublishedKey,
  type PublishedStatus,
} from './key-set-statement.js';
export {
  MAX_REVOCATION_BYTES,
  REVOCATION_TYP,
  revocationPayload,
  verifyRevocation,
  type Revocation,
  type RevocationPayload,
  type RevokedKind,
  type RevokedSubject,
} from './revocation.js';
export { StatementError, type StatementErrorCode } from './statement-error.js';
