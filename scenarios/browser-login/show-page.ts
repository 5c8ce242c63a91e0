/** `npm run browser-login`: serves the page for the system that `npm start` runs. Ctrl-C ends it. */
import { defaultStateDir, readRunning } from '../../infra/local/state-dir.js';
import { guardedServices } from '../../infra/system/services.js';
import { pageService, servePage } from './serve-page.js';

/** The port base plus this number. */
const PORT_OFFSET = 80;

const running = readRunning(defaultStateDir);
if (!running) {
  console.error('The system is not running. Run `npm start` in another terminal first.');
  process.exit(1);
}
const { portBase, services } = running;
// Like the page, so that both are one site for the browser.
const urlOf = (service: string) => services[service]!.url.replace('127.0.0.1', 'localhost');
const config = { auth: urlOf('auth'), ...pageService(urlOf(guardedServices[0]!.name)) };
const { origin } = await servePage(portBase + PORT_OFFSET, () => config);

const preflight = await fetch(`${config.auth}/auth/refresh`, {
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'POST' },
  signal: AbortSignal.timeout(5_000),
});
if (preflight.headers.get('access-control-allow-origin') === origin) {
  console.log(`Open ${origin}. The e-mail address and the password are in .signet/credentials.json.`);
} else {
  console.error(
    `auth does not allow pages of ${origin}. Add this line to .env, and start the system again:\n\n` +
      `  CORS_ALLOWED_ORIGINS=${origin}\n`,
  );
  process.exit(1);
}
