/** Asks auth's token endpoint for tokens, as this service (RFC 6749 §4.4, RFC 8693). */
import { Logger } from '@nestjs/common';
import { z } from 'zod';
import { parseCompact, readPayload } from '#jws';
import {
  ACCESS_TOKEN_TYPE,
  CLIENT_CREDENTIALS,
  JWT_BEARER,
  TOKEN_EXCHANGE,
  TOKEN_PATH,
} from '../oauth-names.js';
import { ServiceError } from '../service-error.js';
import { decodeUtf8 } from '../strict-json.js';
import { Deadline } from './deadline.js';
import { Upstream, UpstreamError } from './upstream.js';

const MAX_TOKEN_BYTES = 8 * 1024;
const MAX_ANSWER_BYTES = 64 * 1024;
/** A wrong configuration does not heal in a second. */
const FAULT_WAIT_MS = 10_000;

const tokenAnswer = z.object({
  access_token: z
    .string()
    .max(MAX_TOKEN_BYTES)
    .regex(/^[A-Za-z0-9\-._~+/]+=*$/),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.int().min(1).max(86_400),
  scope: z.string().optional(),
  issued_token_type: z.literal(ACCESS_TOKEN_TYPE).optional(),
});
/** RFC 6749 §5.2. */
const tokenError = z.object({ error: z.string().regex(/^[a-z_]{1,40}$/) });

/** What a token is for. */
export interface TokenRequest {
  /** The name of the service that shall accept it. */
  readonly audience: string;
  /** Scopes with a space between them. */
  readonly scope: string;
  /** The token to exchange, and its `sub`. Without it, the token is for this service itself. */
  readonly subject?: { readonly token: string; readonly sub: string } | undefined;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  /** Of a token that is only signed. The content of an encrypted one is not for this service. */
  readonly kid?: string;
  readonly jti?: string;
}

interface TokenEndpointOptions {
  readonly auth: Upstream;
  /** Signs a new client assertion. */
  readonly assertion: () => Promise<string>;
}

/** Makes the client of the token endpoint at this base URL. */
export const authUpstream = (baseUrl: string) =>
  new Upstream({ name: 'auth', baseUrl, maxResponseBytes: MAX_ANSWER_BYTES });

export class TokenEndpoint {
  private readonly log = new Logger('service-calls');

  constructor(private readonly options: TokenEndpointOptions) {}

  /**
   * Gets a new token.
   *
   * @throws ServiceError `invalid_token` if the subject token is no longer good
   * @throws UpstreamError if auth cannot answer now, answers nonsense, or refuses this service. The last is logged as an
   *   error, because it is a fault of ours.
   */
  async request(request: TokenRequest): Promise<IssuedToken> {
    const deadline = Deadline.after(this.options.auth.timeoutMs);
    let answer = await this.post(request, deadline);
    // The key may have been exchanged just now. The next assertion reads its file again.
    if (errorOf(answer) === 'invalid_client') answer = await this.post(request, deadline);
    if (answer.status === 200) return read(request, answer.json);
    const error = errorOf(answer);
    if (error === undefined)
      throw new UpstreamError('upstream_invalid', `auth answered ${answer.status}, no error`);
    if (error === 'invalid_grant' && request.subject !== undefined)
      throw new ServiceError('invalid_token', { message: 'auth answered invalid_grant to an exchange' });
    throw this.fault(`auth answered ${error} to a request for ${request.audience} ${request.scope}`);
  }

  private async post(request: TokenRequest, deadline: Deadline): Promise<Answer> {
    const { status, body } = await this.options.auth.send({
      method: 'POST',
      path: TOKEN_PATH,
      // A second token does no harm. The assertion of each attempt is a new one, because auth accepts each only once.
      repeatable: true,
      deadline,
      wanted: (status) => [200, 400, 401].includes(status),
      parts: async () => ({
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: form(request, await this.assertion()),
      }),
    });
    return { status, json: parseJson(body) };
  }

  private async assertion(): Promise<string> {
    try {
      return await this.options.assertion();
    } catch (cause) {
      throw this.fault('no client assertion could be signed; see CLIENT_KEY_FILE', cause);
    }
  }

  private fault(message: string, cause?: unknown): UpstreamError {
    const error = new UpstreamError('upstream_unavailable', message, { cause, waitMs: FAULT_WAIT_MS });
    this.log.error(error);
    return error;
  }
}

interface Answer {
  readonly status: number;
  /** Undefined if the body was no JSON. */
  readonly json: unknown;
}

function form({ audience, scope, subject }: TokenRequest, assertion: string): string {
  return new URLSearchParams({
    grant_type: subject ? TOKEN_EXCHANGE : CLIENT_CREDENTIALS,
    client_assertion_type: JWT_BEARER,
    client_assertion: assertion,
    audience,
    scope,
    ...(subject && { subject_token: subject.token, subject_token_type: ACCESS_TOKEN_TYPE }),
  }).toString();
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(decodeUtf8(body));
  } catch {
    return undefined;
  }
}

function errorOf({ status, json }: Answer): string | undefined {
  return status === 200 ? undefined : tokenError.safeParse(json).data?.error;
}

/** @throws UpstreamError `upstream_invalid` if it is not the token that was asked for */
function read({ audience, scope, subject }: TokenRequest, json: unknown): IssuedToken {
  const invalid = (why: string) => new UpstreamError('upstream_invalid', `auth answered 200, but ${why}`);
  const { data: answer } = tokenAnswer.safeParse(json);
  if (!answer) throw invalid('the body is no answer with a bearer token');
  if (subject && answer.issued_token_type === undefined) throw invalid('issued_token_type is missing');
  const granted = answer.scope?.split(' ');
  if (granted && !scope.split(' ').every((each) => granted.includes(each)))
    throw invalid('a scope is missing');
  const { access_token: token, expires_in: expiresInSeconds } = answer;
  const isEncrypted = token.split('.', 6).length === 5;
  if (isEncrypted) return { token, expiresInSeconds };
  const { kid, jti, aud, sub } = contentOf(token) ?? {};
  if (typeof kid !== 'string' || typeof jti !== 'string') throw invalid('the token cannot be read');
  // The signature is for the callee to check. This only finds an answer that belongs to another request.
  if (aud !== audience || (subject && sub !== subject.sub)) throw invalid('the token is another one');
  return { token, expiresInSeconds, kid, jti };
}

function contentOf(token: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const jws = parseCompact(token, { maxBytes: MAX_TOKEN_BYTES, types: ['at+jwt', 'application/at+jwt'] });
    return { ...readPayload(jws), kid: jws.header['kid'] };
  } catch {
    return undefined;
  }
}
