import { afterAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { eventually } from '#testing';
import { projectRoot } from '../../infra/project.js';
import { findChromium } from '../support/chromium.js';
import { scenario } from '../support/scenario.js';
import { startLossyProxy } from './lossy-proxy.js';
import { mainService } from '../support/scenario-system.js';
import { pageService, servePage, type PageConfig } from './serve-page.js';

const executablePath = findChromium();

if (executablePath === undefined) {
  console.warn('There is no Chromium here, so the page of scenarios/browser-login is not tested.');
  describe('scenario browser-login', () => {
    it.skip('needs Chromium', () => undefined);
  });
} else {
  await declare(executablePath);
}

async function declare(executable: string): Promise<void> {
  let config: PageConfig = { auth: '', ...pageService('') };
  const ours = await servePage(0, () => config);
  const foreign = await serveForeignPage();
  let authUrl = '';
  const proxy = await startLossyProxy(() => authUrl);
  const browser = await chromium.launch({ executablePath: executable });
  afterAll(() => Promise.all([browser, ours, foreign, proxy].map((each) => each.close())));

  const settings = { CORS_ALLOWED_ORIGINS: ours.origin };
  const seconds = 8;
  const periods = { auth: { ...settings, ACCESS_TOKEN_SECONDS: String(seconds) }, [mainService]: settings };

  scenario(import.meta.url, periods, (system, step) => {
    let context: BrowserContext;
    let tab: Page;

    /** Opens the page, and waits until it has tried the cookie. */
    async function open(where: BrowserContext): Promise<Page> {
      const page = await where.newPage();
      await page.goto(ours.origin);
      await page.waitForSelector('body[data-ready=yes]');
      return page;
    }
    async function logIn(page: Page, { email, password } = system.credentials.demo): Promise<void> {
      await page.fill('#email', email);
      await page.fill('#password', password);
      await page.click('#form button');
      await page.waitForSelector('body[data-login=yes]');
    }
    const newest = (page: Page) => page.locator('#log li').first().textContent();
    /** Presses a button, and returns the line that the page then shows. */
    async function press(page: Page, id: string): Promise<string | null> {
      const before = await page.locator('#log li').count();
      // Not by the mouse, which only the tab in front has.
      await page.evaluate(`document.getElementById('${id}').click()`);
      await eventually(async () => (await page.locator('#log li').count()) > before, { timeoutMs: 15_000 });
      return newest(page);
    }
    const isLoggedIn = (page: Page) => page.locator('body').getAttribute('data-login');
    const cookies = (where: BrowserContext) => where.cookies(`${config.auth}/auth/refresh`);
    const claims = async (page: Page) => JSON.parse((await page.locator('#claims').textContent())!);
    /** How many POST requests to this path auth has answered, in all or with this status. */
    async function answered(path: string, status = '\\d+'): Promise<number> {
      const { text } = await system.ask('auth', 'GET /metrics');
      const counts = text.matchAll(
        new RegExp(`_count\\{method="POST",route="${path}",status="${status}"\\} (\\d+)`, 'g'),
      );
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
    }
    const sessions = async (page: Page) => {
      const { sid } = await claims(page);
      const token = await system.grant();
      const { body } = await system.ask('auth', 'GET /auth/sessions?limit=100', { token: token.token });
      return (body.items as { sid: string }[]).filter((session) => session.sid === sid).length;
    };

    step('1. Log in', async () => {
      const url = (service: string) =>
        system.parts.running.services[service]!.url.replace('127.0.0.1', 'localhost');
      authUrl = url('auth');
      config = { auth: proxy.url, ...pageService(url(mainService)) };
      context = await browser.newContext();
      tab = await open(context);
      expect(await newest(tab)).toBe('open the page: nobody is logged in here; log in');
      await logIn(tab);
      expect(await press(tab, 'call')).toBe('call the service: 200');
    });

    step('2. Look for the tokens', async () => {
      expect(await tab.locator('#storage').textContent()).toBe(
        'document.cookie: "", localStorage: 0 entries, sessionStorage: 0 entries',
      );
      expect(await tab.evaluate('indexedDB.databases()')).toEqual([]);
      const [cookie, ...more] = await cookies(context);
      expect(more).toEqual([]);
      expect(cookie).toMatchObject({
        name: '__Secure-refresh',
        domain: 'localhost',
        path: '/auth',
        httpOnly: true,
        secure: true,
        sameSite: 'Strict',
      });
      // Not sent to any other path, so no service but auth receives it.
      expect(await context.cookies(config.url)).toEqual([]);
      if (process.env['PICTURE']) {
        await tab.setViewportSize({ width: 800, height: 780 });
        await tab.screenshot({ path: join(projectRoot, 'scenarios/browser-login/page.png') });
      }
    });

    step('3. Load the page again', async () => {
      const { sid, jti } = await claims(tab);
      await tab.reload();
      await tab.waitForSelector('body[data-ready=yes]');
      expect(await newest(tab)).toBe('open the page: logged in by the cookie, without a password');
      expect(await claims(tab)).toMatchObject({ sid, jti: expect.not.stringContaining(jti) });
    });

    step('4. Wait until the access token has expired', async () => {
      const { jti } = await claims(tab);
      await eventually(async () => (await tab.locator('#left').textContent())!.startsWith('expired'), {
        timeoutMs: (seconds + 5) * 1000,
      });
      expect(await press(tab, 'call')).toBe('call the service: 200');
      expect((await claims(tab)).jti).not.toBe(jti);
    });

    step('5. Refresh in two tabs at the same time', async () => {
      const withoutLocks = await browser.newContext();
      await withoutLocks.addInitScript('delete Navigator.prototype.locks');
      const lone = await open(withoutLocks);
      expect(await lone.evaluate(`'locks' in navigator`)).toBe(false);
      await logIn(lone);
      for (const [first, where] of [
        [tab, context],
        [lone, withoutLocks],
      ] as const) {
        const { sid } = await claims(first);
        const tabs = [first, await open(where)];
        for (let round = 0; round < 10; round += 1) {
          const lines = await Promise.all(tabs.map((page) => press(page, 'refresh')));
          expect(lines).toEqual(['refresh: a new access token', 'refresh: a new access token']);
        }
        for (const page of tabs) expect((await claims(page)).sid).toBe(sid);
        expect(await sessions(first)).toBe(1);
        await tabs[1]!.close();
      }
      await withoutLocks.close();
    });

    step('6. Lose the answer to a refresh', async () => {
      const { sid } = await claims(tab);
      proxy.lose('/auth/refresh', 'silence');
      expect(await press(tab, 'refresh')).toBe('refresh: a new access token');
      expect((await claims(tab)).sid).toBe(sid);
      // The repeated refresh got the same cookie as the lost one, so the next one is good, too.
      expect(await press(tab, 'refresh')).toBe('refresh: a new access token');
    });

    step('7. Log in as somebody else in another tab', async () => {
      const other = { email: 'second@example.com', password: 'a quiet river in november' };
      await system.ask('auth', 'POST /auth/register', { body: other });
      const second = await browser.newContext();
      const [mine, theirs] = [await open(second), await open(second)];
      await logIn(mine);
      await logIn(theirs, other);
      expect(await press(mine, 'refresh')).toBe(
        'refresh: another account has logged in; load the page again',
      );
      expect(await isLoggedIn(mine)).toBe('no');
      // Nor does a second try take the other account.
      expect(await press(mine, 'refresh')).toBe(
        'refresh: another account has logged in; load the page again',
      );
      expect(await press(theirs, 'refresh')).toBe('refresh: a new access token');
      await second.close();
    });

    step('8. Attack from another page', async () => {
      const before = await cookies(context);
      const evil = await context.newPage();
      await evil.goto(foreign.origin);
      const attempt = (headers: object) =>
        evil.evaluate<string>(
          `fetch('${config.auth}/auth/refresh', { method: 'POST', credentials: 'include', headers: ${JSON.stringify(headers)} })
             .then(() => 'read', () => 'blocked')`,
        );
      const [refreshes, refused] = [await answered('/auth/refresh'), await answered('/auth/refresh', '403')];
      expect(await attempt({ 'x-csrf-protection': '1' })).toBe('blocked');
      expect(await answered('/auth/refresh')).toBe(refreshes);
      expect(await attempt({})).toBe('blocked');
      // It arrived with the cookie: without one, auth would have answered 400.
      expect(await answered('/auth/refresh', '403')).toBe(refused + 1);

      // A form needs no permission of auth. Without the cookie, the answer would be 401.
      await evil.evaluate(
        `const form = Object.assign(document.createElement('form'), { method: 'post', action: '${config.auth}/auth/logout' });
         document.body.append(form);
         setTimeout(() => form.submit());`,
      );
      await eventually(async () => (await answered('/auth/logout', '403')) === 1);
      await evil.waitForURL(`${config.auth}/auth/logout`);
      expect(await cookies(context)).toEqual(before);
      await evil.close();
      expect(await press(tab, 'refresh')).toBe('refresh: a new access token');
    });

    step('9. Log out in one tab', async () => {
      const other = await open(context);
      // A logout that has failed is not shown as one.
      proxy.lose('/auth/logout', 503);
      expect(await press(tab, 'logout')).not.toBe('log out: done');
      expect(await isLoggedIn(tab)).toBe('yes');
      expect(await press(tab, 'logout')).toBe('log out: done');
      expect(await isLoggedIn(tab)).toBe('no');
      expect(await cookies(context)).toEqual([]);
      // The access token of the other tab is revoked, and its refresh finds no cookie.
      await eventually(async () => (await press(other, 'call')) !== 'call the service: 200');
      expect(await newest(other)).toBe('call the service: nobody is logged in here; log in');
      expect(await isLoggedIn(other)).toBe('no');
      await other.close();
    });

    step('10. Log out everywhere', async () => {
      const phone = await browser.newContext();
      const there = await open(phone);
      await Promise.all([logIn(there), logIn(tab)]);
      expect(await press(there, 'call')).toBe('call the service: 200');
      expect(await press(tab, 'everywhere')).toBe('log out everywhere: done');
      await eventually(async () => (await press(there, 'call')) !== 'call the service: 200');
      expect(await newest(there)).toBe('call the service: nobody is logged in here; log in');
      expect(await isLoggedIn(there)).toBe('no');
      await phone.close();
    });
  });
}

/** A page of somebody else, at another port of this host. */
async function serveForeignPage() {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>a page</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
