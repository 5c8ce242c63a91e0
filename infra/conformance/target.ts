/** Sends requests to the target and to no other address: a redirect is an answer, and is not followed. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a case sends. Every request is a GET. */
export interface Sent {
  /** One `Authorization` field for each text. */
  readonly authorization?: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
}

/** What came back: an answer, or why there was none. */
export type Seen =
  | {
      readonly status: number;
      /** All `WWW-Authenticate` fields. */
      readonly challenge: string | undefined;
      readonly retryAfter: string | undefined;
      readonly failure?: undefined;
    }
  | { readonly failure: 'timeout' | 'closed' | 'unreachable'; readonly message: string };

/** Sends one request to the target. */
export type Send = (sent: Sent) => Promise<Seen>;

/** The longest wait before a request is repeated, in milliseconds. */
const MAX_RETRY_AFTER_MS = 5_000;
/** How often a request is sent at most. */
const MAX_TRIES = 4;

/** Makes a function that sends requests to `target`. A request that takes longer than `timeoutMs` has no answer. */
export function createSend(target: URL, timeoutMs: number): Send {
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest;
  return ({ authorization = [], query = {} }) => {
    const url = new URL(target);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const headers = authorization.length > 0 ? { authorization: [...authorization] } : {};
    const signal = AbortSignal.timeout(timeoutMs);
    return new Promise((resolve) => {
      // Without an agent: a target may close a connection after it refused a request.
      const sending = request(url, { headers: headers as Record<string, string>, signal, agent: false });
      sending.on('response', (response) => resolve(readAnswer(response)));
      // 101: Node gives the connection to nobody else.
      sending.on('upgrade', (response, socket) => {
        socket.destroy();
        resolve(readAnswer(response));
      });
      sending.on('error', (error) => resolve(readFailure(error, signal, timeoutMs)));
      sending.end();
    });
  };
}

/** Repeats a request as long as the target asks for it with 503 and `Retry-After` (RFC 9110 §15.6.4), within bounds. */
export function sendPatiently(send: Send): Send {
  return async (sent) => {
    for (let tries = 1; ; tries += 1) {
      const seen = await send(sent);
      const isBusy = !seen.failure && seen.status === 503 && /^\d+$/.test(seen.retryAfter ?? '');
      if (!isBusy || tries === MAX_TRIES) return seen;
      await sleep(Math.min(1_000 * Number(seen.retryAfter), MAX_RETRY_AFTER_MS));
    }
  };
}

/** A request with one good form of the field. */
export function bearer(token: string): Sent {
  return { authorization: [`Bearer ${token}`] };
}

export function isAccepted(seen: Seen): boolean {
  return !seen.failure && seen.status >= 200 && seen.status < 300;
}

function readAnswer(response: IncomingMessage): Seen {
  const { statusCode: status = 0, headers } = response;
  // Nothing in the body matters, and it may have no end.
  response.on('error', () => undefined).destroy();
  return { status, challenge: headers['www-authenticate'], retryAfter: headers['retry-after'] };
}

function readFailure(error: NodeJS.ErrnoException, signal: AbortSignal, timeoutMs: number): Seen {
  if (signal.aborted) return { failure: 'timeout', message: `no answer in ${timeoutMs / 1_000} s` };
  const failure = ['ECONNRESET', 'EPIPE'].includes(error.code ?? '') ? 'closed' : 'unreachable';
  return { failure, message: failure === 'closed' ? 'connection closed' : error.message || error.code || '' };
}
