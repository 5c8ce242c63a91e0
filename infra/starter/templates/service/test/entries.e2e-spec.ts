import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectTestDatabase, migrationFaults } from '#testing';
import { SERVICE } from '../src/config.js';
import * as schema from '../src/database/index.js';
import { startSample, type SampleApp } from './sample-app.js';

describe('the entries of sample', () => {
  let app: SampleApp;
  const add = (body: object, token: string | undefined = app.token()) =>
    app.send('POST', '/entries', { token, body });

  beforeAll(async () => {
    app = await startSample();
  });
  afterAll(() => app.close());

  it('are added by whoever may write, listed for callers, and shown to anybody', async () => {
    const first = await add({ title: 'First' });
    expect(first).toMatchObject({
      status: 201,
      body: { id: expect.any(String), title: 'First', createdAt: expect.any(String) },
    });
    const second = await add({ title: 'Second' });
    expect(await app.send('GET', `/entries/${first.body.id}`)).toMatchObject({
      status: 200,
      body: first.body,
    });
    const page = await app.send('GET', '/entries?limit=1', { token: app.token() });
    const next = await app.send('GET', `/entries?limit=1&cursor=${page.body.nextCursor}`, {
      token: app.token(),
    });
    const shown = [...page.body.items, ...next.body.items];
    expect(shown).toHaveLength(2);
    expect(shown).toEqual(expect.arrayContaining([first.body, second.body]));
    expect(next.body.nextCursor).toBeNull();
  });

  it('404 for an entry that there is not', async () => {
    expect(await app.send('GET', `/entries/${randomUUID()}`)).toMatchObject({
      status: 404,
      body: { code: 'entry_not_found' },
    });
  });

  it.each([
    ['title', {}],
    ['title', { title: '  ' }],
    ['title', { title: 'x'.repeat(201) }],
    ['colour', { title: 'x', colour: 'red' }],
  ])('400 that names %s: %j', async (field, body) => {
    expect(await add(body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', errors: [{ field }] },
    });
  });

  describe('can be listed and added only with a good token', () => {
    it.each([
      ['GET', {}],
      ['POST', { body: { title: 'x' } }],
    ])('401 without a token: %s', async (method, parts) => {
      const answer = await app.send(method, '/entries', parts);
      expect(answer).toMatchObject({ status: 401, body: { code: 'missing_token' } });
    });

    it('a list needs no scope', async () => {
      expect(await app.send('GET', '/entries', { token: app.token({ scope: '' }) })).toMatchObject({
        status: 200,
      });
    });

    it.each([
      ['a token for another service', 401, { aud: 'another' }, 'invalid_token'],
      ['an expired token', 401, { exp: 1 }, 'invalid_token'],
      ['a token of another issuer', 401, { iss: 'https://other.test' }, 'invalid_token'],
      ['a token without the scope', 403, { scope: 'another:write' }, 'insufficient_scope'],
    ])('%s is refused with %i', async (_what, status, claims, code) => {
      expect(await add({ title: 'x' }, app.token(claims))).toMatchObject({ status, body: { code } });
    });
  });

  it.each(['UPDATE entries SET title = $1', 'DELETE FROM entries WHERE title <> $1'])(
    'cannot be changed or deleted by the service: %s',
    async (sql) => {
      const { databaseHost: host, databasePort: port, databaseName: database } = app.settings;
      const { databaseUser: user, databasePassword: password } = app.settings;
      const runtime = await connectTestDatabase({ host, port, database, user, password }, schema);
      try {
        await expect(runtime.query(sql, ['x'])).rejects.toMatchObject({ driverError: { code: '42501' } });
      } finally {
        await runtime.destroy();
      }
    },
  );

  it('have the tables that their migrations make, which can be undone and repeated', async () => {
    expect(await migrationFaults(SERVICE, schema)).toEqual([]);
  });

  it.each(['/trust', '/health/live', '/health/ready', '/docs/json', '/metrics'])(
    'GET %s is open',
    async (path) => {
      expect(await app.send('GET', path)).toMatchObject({ status: 200 });
    },
  );
});
