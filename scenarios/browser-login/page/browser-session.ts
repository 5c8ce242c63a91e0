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

/** Another tab has logged in somebody else. What this tab shows belongs to the account from before. */
export class AccountChanged extends Error {
  constructor() {
    super('another account has logged in; load the page again');
  }
}

interface AccessToken {
  readonly token: string;
  /** On the clock of this page, in ms. */
  readonly expiresAt: number;
}

interface Problem {
  readonly title?: string;
  readonly code?: string;
  readonly errors?: readonly { readonly field: string }[];
}

const REQUEST_TIMEOUT_MS = 10_000;
/** A token that lives shorter is replaced before it is used. */
const MARGIN_MS = 2_000;
/**
 * A refresh whose answer is lost is sent again. All attempts together take 8.1 s at most. auth takes a used token for a
 * stolen one after ten seconds.
 */
const REFRESH_ATTEMPTS = 3;
const REFRESH_TIMEOUT_MS = 2_500;
const PAUSE_MS = 200;
/** How long a tab waits for the others. */
const TURN_TIMEOUT_MS = 20_000;

export class BrowserSession {
  /** By audience. */
  private readonly tokens = new Map<string, AccessToken>();
  /** The account of the first token. */
  private account: string | undefined;
  private lastTurn: Promise<unknown> = Promise.resolve();

  constructor(private readonly authUrl: string) {}

  /** Logs in. @throws Error with the title of the problem */
  login(email: string, password: string, audience: string): Promise<void> {
    return this.inTurn(async () => {
      const body = { email, password, audience, cookie: true };
      const response = await this.post('/auth/login', body, REQUEST_TIMEOUT_MS);
      if (!response.ok) throw await problemOf(response);
      this.forget();
      await this.keep(audience, response);
    });
  }

  /**
   * Sends a request with an access token for the audience. If the token was revoked, the request is sent again with
   * another one: the service has refused the first before it did anything.
   *
   * @throws SessionEnded · AccountChanged
   */
  async fetch(audience: string, url: string, init: RequestInit = {}): Promise<Response> {
    const send = (token: string) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${token}`);
      const signals = [AbortSignal.timeout(REQUEST_TIMEOUT_MS), ...(init.signal ? [init.signal] : [])];
      return fetch(url, { ...init, headers, signal: AbortSignal.any(signals) });
    };
    const token = await this.tokenFor(audience);
    const response = await send(token);
    const isRefused =
      response.status === 401 && response.headers.get('www-authenticate')?.startsWith('Bearer') === true;
    return isRefused ? send(await this.tokenFor(audience, { except: token })) : response;
  }

  /** Gets a new access token, and the next refresh cookie. @throws SessionEnded · AccountChanged */
  refresh(audience: string): Promise<string> {
    return this.tokenFor(audience, { except: this.tokens.get(audience)?.token });
  }

  /** Logs this browser out. The access token may have expired, because the cookie is enough. */
  logout(): Promise<void> {
    return this.inTurn(async () => {
      const response = await this.post('/auth/logout', undefined, REQUEST_TIMEOUT_MS);
      // Only now: whoever sees a login form believes that the session has ended.
      if (!response.ok) throw await problemOf(response);
      this.forget();
    });
  }

  /** Logs every browser and every program of the account out. @throws SessionEnded · AccountChanged */
  async logoutEverywhere(audience: string): Promise<void> {
    const response = await this.fetch(audience, `${this.authUrl}/auth/logout-all`, { method: 'POST' });
    if (!response.ok) throw await problemOf(response);
    await this.logout();
  }

  /** The access token for the audience, to show it. */
  held(audience: string): AccessToken | undefined {
    return this.tokens.get(audience);
  }

  /** A token that is good for a while, but not the one that was refused. */
  private async tokenFor(
    audience: string,
    { except }: { except?: string | undefined } = {},
  ): Promise<string> {
    const good = () => {
      const held = this.tokens.get(audience);
      return held && held.token !== except && held.expiresAt - Date.now() > MARGIN_MS
        ? held.token
        : undefined;
    };
    // Looks again when it is its turn: another request of this page may have got one meanwhile.
    return good() ?? this.inTurn(async () => good() ?? this.refreshNow(audience));
  }

  private async refreshNow(audience: string): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt === REFRESH_ATTEMPTS;
      const response = await this.post('/auth/refresh', { audience }, REFRESH_TIMEOUT_MS).catch(
        (error: unknown) => {
          if (isLast) throw error;
        },
      );
      if (response?.ok) return this.keep(audience, response);
      // 409: another page was faster. The browser has its cookie now. 503: auth is busy.
      const isWorthAnother = !response || response.status === 409 || response.status === 503;
      if (!isWorthAnother || isLast) throw await this.refusal(response!);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
    }
  }

  private async refusal(response: Response): Promise<Error> {
    const problem = await problemOf(response);
    const { code, errors } = problem.problem;
    const isNoCookie = code === 'invalid_request' && errors?.[0]?.field === 'refresh_token';
    if (code !== 'invalid_grant' && !isNoCookie) return problem;
    this.forget();
    return new SessionEnded();
  }

  private forget(): void {
    this.tokens.clear();
    this.account = undefined;
  }

  /**
   * Lets only one page of this origin change the cookie at a time. All pages share one cookie jar, and a slow answer to
   * one would put an old cookie over a newer one of another. Without Web Locks, only the requests of this page wait.
   */
  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    if ('locks' in navigator)
      return navigator.locks.request('signet-session', { signal: AbortSignal.timeout(TURN_TIMEOUT_MS) }, act);
    const turn = this.lastTurn.then(act);
    this.lastTurn = turn.catch(() => undefined);
    return turn;
  }

  private async keep(audience: string, response: Response): Promise<string> {
    const { access_token: token, expires_in: seconds } = (await response.json()) as {
      access_token: string;
      expires_in: number;
    };
    const account = subjectOf(token);
    // The account is not forgotten: until the page is loaded again or somebody logs in here, each try ends like this.
    if (this.account !== undefined && this.account !== account) {
      this.tokens.clear();
      throw new AccountChanged();
    }
    this.account = account;
    this.tokens.set(audience, { token, expiresAt: Date.now() + seconds * 1000 });
    return token;
  }

  /** Sends the cookie, and with it the header field that a foreign page cannot send. */
  private post(path: string, body: object | undefined, timeoutMs: number): Promise<Response> {
    return fetch(this.authUrl + path, {
      method: 'POST',
      credentials: 'include',
      headers: { 'x-csrf-protection': '1', ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
  }
}

/** The claims of an access token. It was not checked: only a service that accepts it has to do that. */
export function claimsOf(token: string): Record<string, unknown> {
  const text = token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/');
  return JSON.parse(atob(text)) as Record<string, unknown>;
}

function subjectOf(token: string): string {
  return String(claimsOf(token)['sub']);
}

class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

async function problemOf(response: Response): Promise<ProblemError> {
  const title = `The answer was ${response.status}`;
  return new ProblemError({ title, ...((await response.json().catch(() => ({}))) as Problem) });
}
