import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between the page and auth, and loses answers when it is told to. */
export async function startLossyProxy(target: () => string) {
  const losses = new Map<string, number | 'silence'>();
  const server = createServer((asked, answer) => {
    const { method, headers, url = '/' } = asked;
    const upstream = request(`${target()}${url}`, { method, headers, timeout: 10_000 }, (given) => {
      const loss = losses.get(url);
      losses.delete(url);
      // auth has done what it was asked for; only its answer is lost.
      if (loss === 'silence') return given.resume();
      answer.writeHead(loss ?? given.statusCode ?? 502, given.headers);
      return given.pipe(answer);
    });
    upstream.on('error', () => answer.destroy());
    asked.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    /** Loses the next answer at this path: replaces its status, or never sends it. */
    lose: (path: string, how: number | 'silence') => losses.set(path, how),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
