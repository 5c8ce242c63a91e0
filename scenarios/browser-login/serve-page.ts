/** Serves the page of this scenario, and nothing else. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import typescript from 'typescript';
import { projectRoot } from '../../infra/project.js';
import { guardedServices } from '../../infra/system/services.js';

/** What the page calls: auth, and a guarded route of one service. */
export interface PageConfig {
  /** The base URL of auth. */
  readonly auth: string;
  readonly audience: string;
  readonly url: string;
  readonly method: string;
  readonly body?: object | undefined;
}

/** What the page calls at the first service of the table, which is at this base URL. */
export function pageService(baseUrl: string): Omit<PageConfig, 'auth'> {
  const { name: audience, guardedRoute } = guardedServices[0]!;
  const [method = '', path = ''] = guardedRoute.route.split(' ');
  return { audience, url: `${baseUrl}${path}`, method, body: guardedRoute.body };
}

const folder = join(projectRoot, 'scenarios/browser-login/page');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

/** Only removes the types; the static checks have checked them. */
const script = (name: string) =>
  typescript.transpile(read(name), {
    target: typescript.ScriptTarget.ES2022,
    module: typescript.ModuleKind.ESNext,
  });

const files: Readonly<Record<string, { type: string; content: () => string }>> = {
  '/': { type: 'text/html', content: () => read('index.html') },
  '/page.css': { type: 'text/css', content: () => read('page.css') },
  '/page.js': { type: 'text/javascript', content: () => script('page.ts') },
  '/browser-session.js': { type: 'text/javascript', content: () => script('browser-session.ts') },
};

/**
 * Listens on localhost.
 *
 * @param port 0 for any free port
 * @param config is asked for each request
 */
export async function servePage(port: number, config: () => PageConfig) {
  const server = createServer((request, response) => {
    const { auth, url } = config();
    const isConfig = request.url === '/config.json';
    const file = isConfig
      ? { type: 'application/json', content: () => JSON.stringify(config()) }
      : files[request.url ?? ''];
    if (!file) return response.writeHead(404).end();
    const own =
      "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'none'; base-uri 'none'";
    response.writeHead(200, {
      'content-type': `${file.type}; charset=utf-8`,
      // Only scripts of this server run, and `fetch` reaches only these hosts.
      'content-security-policy': `${own}; frame-ancestors 'none'; connect-src 'self' ${auth} ${url && new URL(url).origin}`,
      'cache-control': 'no-store',
    });
    return response.end(file.content());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
