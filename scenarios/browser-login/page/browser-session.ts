/**
 * A login in a browser: the part of this scenario to copy. The access tokens are in the memory of this page, and nowhere
 * else. The refresh token is in a cookie that no script can read. The browser sends it to auth by itself.
 */

/** auth does not take the refresh cookie any more, or there is none. */
export class SessionEnded extends Error {
  constructor() {
    super('nobody is logged in here; log in');
  }
}

interface AccessToken {
  readonly token: string;
  /** On the clock of this page, in ms. */
  readonly expiresAt: number;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** A token that lives shorter is replaced before it is used. */
const MARGIN_MS = 2_000;
/** After a lost answer, or after another tab was faster. All attempts are within the grace of ten seconds. */
const ATTEMPTS = 3;
const PAUSE_MS = 200;

export class BrowserSession {
  /** By audience. */
  private readonly tokens = new Map<string, AccessToken>();
  private lastTurn: Promise<unknown> = Promise.resolve();

  constructor(private readonly authUrl: string) {}

  /** Logs in. @throws Error with the title of the problem */
  async login(email: string, password: string, audience: string): Promise<void> {
    const response = await this.post('/auth/login', { email, password, audience, cookie: true });
    if (!response.ok) throw new Error(await titleOf(response));
    await this.keep(audience, response);
  }

  /** Sends a request with an access token for the audience. If the token was revoked, a second one is tried. */
  async fetch(audience: string, url: string, init: RequestInit = {}): Promise<Response> {
    const send = (token: string) =>
      fetch(url, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
    const held = this.tokens.get(audience);
    if (held && held.expiresAt - Date.now() > MARGIN_MS) {
      const response = await send(held.token);
      if (response.status !== 401) return response;
    }
    return send(await this.refresh(audience));
  }

  /** Gets a new access token, and the next refresh cookie. @throws SessionEnded */
  async refresh(audience: string): Promise<string> {
    return this.inTurn(async () => {
      for (let attempt = 1; ; attempt += 1) {
        const response = await this.post('/auth/refresh', { audience }).catch((error: unknown) => {
          if (attempt === ATTEMPTS) throw error;
        });
        if (response?.ok) return this.keep(audience, response);
        if (response?.status === 400) {
          this.tokens.clear();
          throw new SessionEnded();
        }
        // 409: another tab was faster. The browser has its cookie now.
        if (response && (response.status !== 409 || attempt === ATTEMPTS))
          throw new Error(await titleOf(response));
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
      }
    });
  }

  /** Logs this browser out. The access token may have expired, because the cookie is enough. */
  async logout(): Promise<void> {
    this.tokens.clear();
    const response = await this.post('/auth/logout');
    if (!response.ok) throw new Error(await titleOf(response));
  }

  /** Logs every browser and every program of the account out. @throws SessionEnded */
  async logoutEverywhere(audience: string): Promise<void> {
    const response = await this.fetch(audience, `${this.authUrl}/auth/logout-all`, { method: 'POST' });
    if (!response.ok) throw new Error(await titleOf(response));
    await this.logout();
  }

  /** The access token for the audience, to show it. */
  held(audience: string): AccessToken | undefined {
    return this.tokens.get(audience);
  }

  /**
   * Lets only one refresh of this browser run at a time. The tabs share one cookie jar, and a slow answer of one tab would
   * put an old cookie over a newer one of another. Without Web Locks, only the refreshes of this tab wait for each other.
   */
  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    if ('locks' in navigator) return navigator.locks.request('signet-refresh', act);
    const turn = this.lastTurn.then(act);
    this.lastTurn = turn.catch(() => undefined);
    return turn;
  }

  private async keep(audience: string, response: Response): Promise<string> {
    const { access_token: token, expires_in: seconds } = (await response.json()) as {
      access_token: string;
      expires_in: number;
    };
    this.tokens.set(audience, { token, expiresAt: Date.now() + seconds * 1000 });
    return token;
  }

  /** Sends the cookie, and with it the header field that a foreign page cannot send. */
  private post(path: string, body?: object): Promise<Response> {
    return fetch(this.authUrl + path, {
      method: 'POST',
      credentials: 'include',
      headers: { 'x-csrf-protection': '1', ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  }
}

async function titleOf(response: Response): Promise<string> {
  const problem = (await response.json().catch(() => ({}))) as { title?: string };
  return problem.title ?? `The answer was ${response.status}`;
}
