import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import { serve } from '#testing';
import { bearer, createSend, isAccepted, sendPatiently } from './target.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function sendTo(listener: RequestListener, path = '/', timeoutMs = 1_000) {
  const server = await serve(listener);
  closers.push(server.close);
  return createSend(new URL(path, server.url), timeoutMs);
}

test('each text becomes a field of its own, and the query keeps what the target has', async () => {
  const seen: unknown[] = [];
  const send = await sendTo(({ method, url, rawHeaders }, response) => {
    const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    const fields = rawHeaders.filter((_, i) => i % 2 === 1 && names[(i - 1) / 2] === 'authorization');
    seen.push([method, url, fields]);
    response.end();
  }, '/things?page=1');
  await send({ authorization: ['Bearer a', 'Bearer b'] });
  await send({ query: { access_token: 'c d' } });
  await send(bearer('e'));
  expect(seen).toEqual([
    ['GET', '/things?page=1', ['Bearer a', 'Bearer b']],
    ['GET', '/things?page=1&access_token=c+d', []],
    ['GET', '/things?page=1', ['Bearer e']],
  ]);
});

test('an answer has its status and its challenge, and its body is not awaited', async () => {
  const send = await sendTo((_request, response) => {
    response
      .writeHead(401, { 'www-authenticate': 'Bearer', 'retry-after': '1' })
      .write('a body without an end');
  });
  expect(await send({})).toEqual({ status: 401, challenge: 'Bearer', retryAfter: '1' });
});

test('a redirect is an answer', async () => {
  const send = await sendTo((_request, response) => response.writeHead(302, { location: '/' }).end());
  const seen = await send({});
  expect(seen).toMatchObject({ status: 302 });
  expect(isAccepted(seen)).toBe(false);
});

test('no answer in time, a closed connection and nobody who listens are failures of their own', async () => {
  const silent = await sendTo(() => undefined, '/', 50);
  expect(await silent({})).toEqual({ failure: 'timeout', message: 'no answer in 0.05 s' });
  const closing = await sendTo(({ socket }) => socket.destroy());
  expect(await closing({})).toEqual({ failure: 'closed', message: 'connection closed' });
  const away = createSend(new URL('http://127.0.0.1:1'), 1_000);
  expect(await away({})).toMatchObject({ failure: 'unreachable' });
});

test('101 is an answer', async () => {
  const server = createServer((socket) => {
    socket.once('data', () =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => server.close());
  const { port } = server.address() as { port: number };
  expect(await createSend(new URL(`http://127.0.0.1:${port}`), 1_000)({})).toMatchObject({ status: 101 });
});

test('what is no HTTP is a failure', async () => {
  const server = createServer((socket) => socket.end('hello\r\n\r\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => server.close());
  const { port } = server.address() as { port: number };
  expect(await createSend(new URL(`http://127.0.0.1:${port}`), 1_000)({})).toMatchObject({
    failure: 'unreachable',
  });
});

test.each<[string, number, Record<string, string>, number]>([
  ['503 with a time', 503, { 'retry-after': '0' }, 4],
  ['503 without one', 503, {}, 1],
  ['503 with a date', 503, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }, 1],
  ['429 with a time', 429, { 'retry-after': '0' }, 1],
])('%s', async (_what, status, headers, requests) => {
  let asked = 0;
  const send = await sendTo((_request, response) => {
    asked += 1;
    response.writeHead(status, headers).end();
  });
  expect(await sendPatiently(send)({})).toMatchObject({ status });
  expect(asked).toBe(requests);
});
