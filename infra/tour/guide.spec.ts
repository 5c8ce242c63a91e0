import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Guide } from './guide.js';

let server: Server;
let lines: string[];
const guide = () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  lines = [];
  return new Guide({
    urls: { auth: url, orders: url, inventory: 'http://127.0.0.1:1' },
    print: (line) => lines.push(line),
  });
};

beforeAll(async () => {
  server = createServer((request, response) => {
    response.writeHead(request.url === '/closed' ? 401 : 200, { 'content-type': 'application/problem+json' });
    response.end('{"code":"invalid_token"}');
  }).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
});
afterAll(() => {
  server.close();
});

it('prints each request with its answer, and goes on if the status is an expected one', async () => {
  const told = guide();
  const answer = await told.step('Knock', 'To see who is there.', () =>
    told.ask<{ code: string }>('orders', 'GET /closed', { expect: [401, 403] }),
  );
  expect(answer.body.code).toBe('invalid_token');
  expect(lines).toEqual(expect.arrayContaining([' 1 Knock', '   To see who is there.']));
  expect(lines.join('\n')).toContain('← 401');
});

it.each([
  [
    'another status',
    (told: Guide) => told.ask('auth', 'GET /closed', { expect: 200 }),
    'auth GET /closed answered 401 instead of 200',
  ],
  [
    'no answer',
    (told: Guide) => told.ask('inventory', 'GET /', { expect: 200 }),
    'GET http://127.0.0.1:1/ got no answer',
  ],
  [
    'a claim that does not hold',
    async (told: Guide) => told.check(false, 'the earth is flat', 'round'),
    'not true: the earth is flat (found round)',
  ],
])('names the step that failed with %s', async (_, act, message) => {
  const told = guide();
  await told.step('Fine', 'Nothing happens.', async () => undefined);
  await expect(told.step('Not fine', 'It fails.', async () => act(told))).rejects.toMatchObject({
    name: 'TourDeviation',
    step: '2 (Not fine)',
    message: expect.stringContaining(message),
  });
});

it('prints each claim beside its evidence', () => {
  const told = guide();
  told.learned('short', 'yes');
  told.learned('longer than the heading', 'no');
  told.summary();
  expect(lines.map((line) => line.search(/Evidence|yes|no$/))).toEqual([29, 29, 29]);
});
