/** HTTP for specs: through the tour's client, and byte by byte where `fetch` would correct the request. */
import { connect } from 'node:net';
import { exchange, type Exchange, type RequestParts } from '../../../infra/tour/exchange.js';
import { documentedAnswers } from './documented-answers.js';

// Specs read any member of a body, and `expect` checks it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Answer = Exchange<any>;

/**
 * Two ways to call the service at a URL. With `documented`, `send` fails where an answer differs from the service's own
 * OpenAPI document.
 */
export function client(url: string, { documented = false } = {}) {
  const check = documented ? documentedAnswers(url) : undefined;
  return {
    async send(method: string, path: string, parts: RequestParts = {}): Promise<Answer> {
      const answer: Answer = await exchange(method, url + path, parts);
      await check?.(method, path, answer);
      return answer;
    },

    /** Sends these lines unchanged, headers included. Resolves with all that the service sent before it closed the connection. */
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
