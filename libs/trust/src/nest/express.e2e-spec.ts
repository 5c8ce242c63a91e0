/** The guard on Express, which NestJS takes by default. Its requests have no `raw`. */
import { expect, test } from '@jest/globals';
import { ExpressAdapter } from '@nestjs/platform-express';
import { client } from '#testing';
import { get, setUp } from '../../test/cats-service.js';

test('it judges a request by its one Authorization field, and handlers get its caller and its token', async () => {
  const { url, token } = await setUp({}, { adapter: new ExpressAdapter() });
  const good = token();
  expect(await get(`${url}/cats`)).toMatchObject({ status: 401, body: { code: 'missing_token' } });
  for (const sent of [good, good])
    expect(await get(`${url}/cats`, sent)).toMatchObject({ status: 200, body: { sub: 'user-1' } });
  expect((await get(`${url}/cats/token`, good)).body).toEqual({ signed: good, sub: 'user-1' });
  expect((await get(`${url}/cats/open`)).status).toBe(200);
  const refused = await get(`${url}/cats`, token({ aud: 'dogs' }));
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
});

test('Node drops a second Authorization field, and the guard finds it', async () => {
  const { url, token } = await setUp({}, { adapter: new ExpressAdapter() });
  const field = `authorization: Bearer ${token()}`;
  const answer = await client(url).raw(['GET /cats HTTP/1.1', field, field]);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('Bearer error="invalid_request"');
});
