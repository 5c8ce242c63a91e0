/**
 * A verifier for a program without NestJS, in one call. It judges tokens and requests, and it says what to answer to a
 * request that it refuses.
 */
import type { KeyObject } from 'node:crypto';
import type { AccessTokenClaims } from './access-token-claims.js';
import type { KeyHeader, KeySource } from './adapters/key-source.js';
import { findKey, revocationFault } from './adapters/ring-questions.js';
import type { ReceivedRequest } from './bearer.js';
import { problemFor } from './guard-problems.js';
import type { KeyRingFacts } from './key-ring.js';
import { neverThrowing } from './never-throwing.js';
import { resourceMetadataParameter } from './resource-metadata.js';
import { TrustError } from './trust-error.js';
import { createTrustEvents, type TrustEvents } from './trust-events.js';
import { Verifier, type TrustMessage, type VerifierOptions } from './verifier.js';
import type { Expectation } from './verify-access-token.js';

export interface TrustOptions extends Omit<VerifierOptions, 'furtherCheck' | 'refresh'> {
  /** The base URL of this service, as clients see it. Then each challenge says where its metadata are (RFC 9728 §5.1). */
  readonly resourceUrl?: string;
  /** Receives messages, security events, and faults of the verifier itself. None holds a token. Default: nobody. */
  readonly log?: (message: TrustMessage | TrustError) => void;
}

/** What a route requires of a token, beyond being genuine and for this audience. */
export type Requirement = Omit<Expectation, 'audience'>;

/** The answer to a refused request. `body` is JSON (RFC 9457), and the fields have the challenge (RFC 6750 §3). */
export interface RefusalAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What came of a request: the claims of its token, or the answer that refuses it. */
export type Verdict =
  | { readonly claims: AccessTokenClaims; readonly refusal?: undefined }
  | { readonly claims?: undefined; readonly refusal: RefusalAnswer };

/** What this service knows about the issuer, and how many tokens had which outcome. Public facts only. */
export interface TrustFacts extends KeyRingFacts {
  readonly audience: string;
  readonly requests: Readonly<Record<string, number>>;
}

export interface Trust extends KeySource, TrustEvents {
  /**
   * Verifies an access token.
   *
   * @throws TrustError with the first check that failed as `code`
   */
  verify(token: string, required?: Requirement): Promise<AccessTokenClaims>;
  /**
   * Judges a `node:http` request by its one `Authorization: Bearer` field. Never rejects: a fault of the verifier is a
   * refusal, too.
   */
  judge(request: ReceivedRequest, required?: Requirement): Promise<Verdict>;
  /**
   * Finds what is wrong with a token that a verifier of another library has accepted: the token itself, its session, its
   * client, or a client that acts in it is revoked. Revocations come over NATS only. Never throws.
   *
   * @param claims the payload of the token
   * @param required `strict`: it is a fault, too, that the revocations of the last 15 s may not all be here
   * @returns undefined if nothing is. `revoked` · `trust_stale` if this cannot be said now · `invalid_claim` ·
   * `wrong_issuer` · `key_bound`
   */
  revocationFault(
    claims: Readonly<Record<string, unknown>>,
    required?: { strict?: boolean },
  ): TrustError | undefined;
  /** Whether tokens can be judged now. While it is false, every verdict is 503. */
  isReady(): boolean;
  facts(): TrustFacts;
  /** Stops polling and events, tells the issuer not to wait for this verifier, and writes what is not in the statement file yet. */
  close(): Promise<void>;
}

/**
 * Opens a verifier. Resolves when it can judge tokens. If the issuer cannot be reached within 3 s, it resolves as well: the
 * verifier refuses every request with 503 until it has a statement.
 *
 * @throws Error if the issuer, the audience or every anchor is missing, or if an anchor is not a P-256 public key
 * @throws RangeError if an option is out of bounds
 */
export async function openTrust({
  resourceUrl,
  log: givenLog = () => undefined,
  ...options
}: TrustOptions): Promise<Trust> {
  const log = neverThrowing(givenLog);
  const { audience } = options;
  const resourceMetadata = resourceMetadataParameter(resourceUrl);
  const verifier = new Verifier(options, log);
  const { ring, authenticator } = verifier;
  const { clock } = options;
  const isReady = () => ['confirmed', 'unconfirmed'].includes(ring.freshness()) && !ring.revocations.fault();
  const { stop: stopEvents, ...events } = createTrustEvents(ring, (cause) =>
    log(new TrustError('internal', 'a listener failed', { cause })),
  );
  await verifier.load();
  await verifier.start();
  await verifier.waitUntil(isReady);

  async function verify(token: string, required?: Requirement): Promise<AccessTokenClaims> {
    return authenticator.authenticate(token, { ...required, audience });
  }

  async function judge(request: ReceivedRequest, required: Requirement = {}): Promise<Verdict> {
    const expected = { ...required, audience };
    try {
      const claims = authenticator.recall(request, expected);
      return { claims: claims ?? (await authenticator.authenticate(request, expected)) };
    } catch (error) {
      // Without a further check, the authenticator throws nothing else.
      const fault = error as TrustError;
      if (fault.code === 'internal') log(fault);
      return { refusal: answerTo(fault, required) };
    }
  }

  function answerTo(error: TrustError, { scopes = [] }: Requirement): RefusalAnswer {
    const { challenge, ...facts } = problemFor(error, { scopes, resourceMetadata });
    return {
      status: facts.status,
      headers: {
        'content-type': 'application/problem+json',
        ...(challenge !== undefined && { 'www-authenticate': challenge }),
        ...(facts.status === 503 && { 'retry-after': '1' }),
      },
      body: JSON.stringify({ type: 'about:blank', ...facts }),
    };
  }

  async function keyFor(header: KeyHeader): Promise<KeyObject> {
    if (options.decryptionKey)
      throw new TrustError(
        'not_encrypted',
        'tokens for this service are encrypted, and only verify decrypts',
      );
    return authenticator.retryUnknownKid(() => findKey(ring, header, clock));
  }

  async function close(): Promise<void> {
    stopEvents();
    await verifier.stop();
  }

  return {
    ...events,
    verify,
    judge,
    keyFor,
    revocationFault: (claims, required) => revocationFault(ring, claims, { ...required, clock }),
    isReady,
    facts: () => ({ audience, ...ring.facts(), requests: authenticator.counts() }),
    close,
  };
}
