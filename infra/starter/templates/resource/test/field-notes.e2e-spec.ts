import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectTestDatabase } from '#testing';
import * as schema from '../src/database/index.js';
import { startSample, type SampleApp } from './sample-app.js';

const read = 'sample:field-notes:read';
const write = 'sample:field-notes:write';
const notFound = { status: 404, body: { code: 'field_note_not_found' } };
const someId = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('the field notes of sample', () => {
  let app: SampleApp;
  /** The owner in a test. Each test has another one, so their list is empty when it begins. */
  let owner: string;
  const token = (claims = {}) => app.token({ sub: owner, scope: `${read} ${write}`, ...claims });
  const send = (method: string, path = '', body?: unknown, bearer = token()) =>
    app.send(method, `/field-notes${path}`, { token: bearer, body });
  const add = async (title: string) => (await send('POST', '', { title })).body;

  beforeAll(async () => {
    app = await startSample();
  });
  beforeEach(() => {
    owner = `user-${randomUUID()}`;
  });
  afterAll(() => app.close());

  it('are added, shown, changed and deleted', async () => {
    const { status, body: added } = await send('POST', '', { title: ' First ' });
    expect(status).toBe(201);
    expect(added).toEqual({ id: expect.any(String), title: 'First', createdAt: expect.any(String) });
    const path = `/${added.id}`;
    expect(await send('GET', path)).toMatchObject({ status: 200, body: added });
    const changed = { status: 200, body: { ...added, title: 'Second' } };
    expect(await send('PUT', path, { title: 'Second' })).toMatchObject(changed);
    expect(await send('GET', path)).toMatchObject(changed);
    expect(await send('DELETE', path)).toMatchObject({ status: 204, text: '' });
    expect(await send('GET', path)).toMatchObject(notFound);
  });

  it('are listed in pages', async () => {
    const added = [await add('1'), await add('2'), await add('3')];
    const first = (await send('GET', '?limit=2')).body;
    expect(first).toEqual({ items: expect.any(Array), nextCursor: expect.any(String) });
    expect(first.items).toHaveLength(2);
    const last = (await send('GET', `?limit=2&cursor=${first.nextCursor}`)).body;
    const items = [...first.items, ...last.items];
    expect(last.nextCursor).toBeNull();
    expect(items).toHaveLength(3);
    expect(items).toEqual(expect.arrayContaining(added));
    expect((await send('GET')).body).toEqual({ items, nextCursor: null });
  });

  describe('of another account', () => {
    const stranger = () => token({ sub: `not-${owner}` });

    it('are not in the list', async () => {
      await add('Mine');
      expect((await send('GET', '', undefined, stranger())).body).toEqual({ items: [], nextCursor: null });
    });

    it.each([
      ['GET', undefined],
      ['PUT', { title: 'Stolen' }],
      ['DELETE', undefined],
    ])('do not exist for %s, and stay as they are', async (method, body) => {
      const mine = await add('Mine');
      const foreign = await send(method, `/${mine.id}`, body, stranger());
      expect(foreign).toMatchObject(notFound);
      // Not to be told from one that there never was.
      const unknown = await send(method, `/${randomUUID()}`, body, stranger());
      expect({ ...unknown.body, requestId: '' }).toEqual({ ...foreign.body, requestId: '' });
      expect(await send('GET', `/${mine.id}`)).toMatchObject({ status: 200, body: mine });
    });
  });

  describe.each([
    { method: 'GET', path: '', scope: read, other: write, ok: 200 },
    { method: 'GET', path: `/${someId}`, scope: read, other: write, ok: 404 },
    { method: 'POST', path: '', body: { title: 'x' }, scope: write, other: read, ok: 201 },
    { method: 'PUT', path: `/${someId}`, body: { title: 'x' }, scope: write, other: read, ok: 404 },
    { method: 'DELETE', path: `/${someId}`, scope: write, other: read, ok: 404 },
  ])('are closed: $method $path', ({ method, path, body, scope, other, ok }) => {
    it('401 without a token', async () => {
      const answer = await app.send(method, `/field-notes${path}`, { body });
      expect(answer).toMatchObject({ status: 401, body: { code: 'missing_token' } });
    });

    it.each([
      ['a token for another service', 401, { aud: 'another' }, 'invalid_token'],
      ['an expired token', 401, { exp: 1 }, 'invalid_token'],
      ['a token of another issuer', 401, { iss: 'https://other.test' }, 'invalid_token'],
      [`only the scope ${other}`, 403, { scope: other }, 'insufficient_scope'],
      ['no scope', 403, { scope: undefined }, 'insufficient_scope'],
    ])('with %s: %i', async (_what, status, claims, code) => {
      expect(await send(method, path, body, token(claims))).toMatchObject({ status, body: { code } });
    });

    it(`open with the scope ${scope} alone`, async () => {
      expect(await send(method, path, body, token({ scope }))).toMatchObject({ status: ok });
    });
  });

  it.each([
    ['title', {}],
    ['title', { title: '  ' }],
    ['title', { title: 'x'.repeat(201) }],
    ['title', { title: 1 }],
    ['title', { title: 'a\0b' }],
    ['userId', { title: 'x', userId: 'another' }],
    ['id', { title: 'x', id: someId }],
  ])('400 that names %s, and nothing is added or changed: %j', async (field, body) => {
    const kept = await add('Kept');
    const refused = { status: 400, body: { code: 'invalid_request', errors: [{ field }] } };
    expect(await send('POST', '', body)).toMatchObject(refused);
    expect(await send('PUT', `/${kept.id}`, body)).toMatchObject(refused);
    expect((await send('GET')).body.items).toEqual([kept]);
  });

  it.each([
    ['?limit=0', 'limit'],
    ['?limit=101', 'limit'],
    ['?limit=ten', 'limit'],
    ['?cursor=nonsense', 'cursor'],
    [`?cursor=${cursorOf(['2026-01-01T00:00:00.000Z', "' OR 1=1"])}`, 'cursor'],
    ['?userId=another', 'userId'],
    ['/1', 'id'],
    [`/${someId}'--`, 'id'],
  ])('GET %s: 400 that names %s', async (path, field) => {
    expect(await send('GET', path)).toMatchObject({ status: 400, body: { errors: [{ field }] } });
  });

  it('get no other owner, whatever the service does', async () => {
    const { id } = await add('Mine');
    const { databaseHost: host, databasePort: port, databaseName: database } = app.settings;
    const { databaseUser: user, databasePassword: password } = app.settings;
    const runtime = await connectTestDatabase({ host, port, database, user, password }, schema);
    const change = (column: string, value: string) =>
      runtime.query(`UPDATE field_notes SET ${column} = $2 WHERE id = $1`, [id, value]);
    try {
      await expect(change('user_id', 'thief')).rejects.toMatchObject({ driverError: { code: '42501' } });
      await expect(change('title', '')).rejects.toMatchObject({ driverError: { code: '23514' } });
    } finally {
      await runtime.destroy();
    }
  });
});
