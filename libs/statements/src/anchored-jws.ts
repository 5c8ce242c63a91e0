import { JwsError, parseCompact, readPayload, verifySignature, type JsonObject } from '#jws';
import type { Anchor } from './anchor.js';
import { StatementError, type StatementErrorCode } from './statement-error.js';

/** A payload that a pinned anchor signed. Its content is not checked yet. */
interface AnchoredPayload {
  readonly payload: JsonObject;
  /** Position of the anchor in the list of pins. */
  readonly pinIndex: number;
}

/**
 * Opens a compact JWS that has exactly this `typ` and is signed by a pinned anchor.
 *
 * @throws StatementError `too_large` · `malformed` · `wrong_typ` · `unknown_anchor` · `bad_signature`
 */
export function openAnchored(
  jws: string,
  { typ, maxBytes, anchors }: { typ: string; maxBytes: number; anchors: readonly Anchor[] },
): AnchoredPayload {
  return asStatementError(() => {
    const compact = parseCompact(jws, { maxBytes, types: [typ] });
    const pinIndex = anchors.findIndex((anchor) => anchor.thumbprint === compact.header['kid']);
    if (pinIndex < 0) throw new StatementError('unknown_anchor', 'kid names none of the pinned anchors');
    verifySignature(compact, anchors[pinIndex]!);
    return { payload: readPayload(compact), pinIndex };
  });
}

const REASONS = {
  too_large: 'too_large',
  malformed: 'malformed',
  unsupported_header: 'malformed',
  wrong_typ: 'wrong_typ',
  alg_mismatch: 'bad_signature',
  bad_signature: 'bad_signature',
  bad_key: 'invalid_payload',
} as const satisfies Record<JwsError['code'], StatementErrorCode>;

/** Runs a step of `#jws`, and turns its refusals into refusals of the statement. */
export function asStatementError<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof JwsError)) throw error;
    throw new StatementError(REASONS[error.code], error.message, { cause: error });
  }
}
