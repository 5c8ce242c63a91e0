import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPartner, type PartnerApp } from './partner-app.js';

/** The claims of a token that sample got in exchange for the token of an account. */
const exchanged = { scope: 'partner:call', client_id: 'sample', act: { sub: 'sample' } };

describe('the route of partner for sample', () => {
  let app: PartnerApp;
  const ask = (claims = {}) =>
    app.send('GET', '/callers/sample', { token: app.token({ ...exchanged, ...claims }) });

  beforeAll(async () => {
    app = await startPartner();
  });
  afterAll(() => app.close());

  it('shows the account and the scopes of the token', async () => {
    expect(await ask({ sub: 'user-7' })).toMatchObject({
      status: 200,
      body: { accountId: 'user-7', scope: 'partner:call' },
    });
  });

  it.each([
    ['of an account', 403, { client_id: 'web', act: undefined }, 'wrong_actor'],
    ['that another service exchanged', 403, { act: { sub: 'not-sample' } }, 'wrong_actor'],
    ['of sample for itself', 403, { act: undefined, sid: undefined }, 'wrong_actor'],
    ['without the scope', 403, { scope: 'another:call' }, 'insufficient_scope'],
    ['for another service', 401, { aud: 'another' }, 'invalid_token'],
  ])('refuses a token %s: %i', async (_what, status, claims, code) => {
    expect(await ask(claims)).toMatchObject({ status, body: { code } });
  });

  it('refuses a request without a token: 401', async () => {
    expect(await app.send('GET', '/callers/sample')).toMatchObject({
      status: 401,
      body: { code: 'missing_token' },
    });
  });
});
