/** What the page shows. The login itself is in browser-session.ts. */
import { AccountChanged, BrowserSession, claimsOf, SessionEnded } from './browser-session.js';

/** The addresses that this page calls, from the server of the page. */
interface Config {
  readonly auth: string;
  readonly audience: string;
  readonly url: string;
  readonly method: string;
  readonly body?: object;
}

const config = (await (await fetch('/config.json')).json()) as Config;
const { audience } = config;
const session = new BrowserSession(config.auth);

const byId = <Type extends HTMLElement>(id: string) => document.getElementById(id) as Type;
const log = byId<HTMLOListElement>('log');

function tell(line: string): void {
  const item = document.createElement('li');
  item.textContent = line;
  log.prepend(item);
}

function show(): void {
  const held = session.held(audience);
  document.body.dataset['login'] = held ? 'yes' : 'no';
  byId('claims').textContent = held ? JSON.stringify(claimsOf(held.token), null, 2) : '';
  byId('left').textContent = held ? secondsUntil(held.expiresAt) : '';
  byId('storage').textContent =
    `document.cookie: "${document.cookie}", localStorage: ${localStorage.length} entries, ` +
    `sessionStorage: ${sessionStorage.length} entries`;
}

function secondsUntil(time: number): string {
  const seconds = Math.ceil((time - Date.now()) / 1000);
  return seconds > 0 ? `good for ${seconds} s` : 'expired; the next request gets a new one';
}

/** Runs what a button does, and shows how it went. */
async function act(name: string, action: () => Promise<string>): Promise<void> {
  try {
    tell(`${name}: ${await action()}`);
  } catch (error) {
    tell(`${name}: ${(error as Error).message}`);
    if (!(error instanceof SessionEnded || error instanceof AccountChanged)) console.error(error);
  }
  show();
}

const actions = {
  login: () =>
    act('log in', async () => {
      const [email, password] = [byId<HTMLInputElement>('email'), byId<HTMLInputElement>('password')];
      await session.login(email.value, password.value, audience);
      password.value = '';
      return 'done';
    }),
  call: () =>
    act('call the service', async () => {
      const { url, method, body } = config;
      const content = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const response = await session.fetch(audience, url, { method, ...content });
      return String(response.status);
    }),
  refresh: () =>
    act('refresh', async () => {
      await session.refresh(audience);
      return 'a new access token';
    }),
  logout: () =>
    act('log out', async () => {
      await session.logout();
      return 'done';
    }),
  everywhere: () =>
    act('log out everywhere', async () => {
      await session.logoutEverywhere(audience);
      return 'done';
    }),
};

for (const [id, action] of Object.entries(actions)) {
  if (id !== 'login') byId(id).addEventListener('click', () => void action());
}
byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  void actions.login();
});
setInterval(show, 500);

// Somebody who has logged in before does not have to do it again.
await act('open the page', async () => {
  await session.refresh(audience);
  return 'logged in by the cookie, without a password';
});
document.body.dataset['ready'] = 'yes';
