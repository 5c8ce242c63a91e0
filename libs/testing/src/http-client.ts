/** HTTP as specs speak it: by `fetch` where that will do, and byte by byte where `fetch` would put things right. */
import { connect } from 'node:net';
import { documentedAnswers } from './documented-answers.js';

/** An answer, its body parsed if it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // The specs look into it at will.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

export interface Sending {
  readonly token?: string | undefined;
  /** Text is sent as it stands. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/**
 * Ways to call the service at a URL. With `documented`, `send` fails where an answer is not as the service's own
 * OpenAPI document says.
 */
export function client(url: string, { documented = false } = {}) {
  const check = documented ? documentedAnswers(url) : undefined;
  return {
    async send(method: string, path: string, { token, body, headers }: Sending = {}): Promise<Answer> {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json');
      const answer: Answer = {
        status: response.status,
        headers: response.headers,
        text,
        body: isJson && text !== '' ? JSON.parse(text) : undefined,
      };
      await check?.(method, path, answer);
      return answer;
    },

    /** Sends these lines as they stand, headers and all, and gives what came back before the connection ended. */
    raw(lines: readonly string[]): Promise<string> {
      const { hostname, port } = new URL(url);
      return new Promise((resolve, reject) => {
        const socket = connect(Number(port), hostname);
        let answer = '';
        socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
        socket.on('error', reject);
        socket.on('close', () => resolve(answer));
        socket.write([...lines, 'host: x', 'connection: close', '', ''].join('\r\n'));
      });
    },
  };
}
