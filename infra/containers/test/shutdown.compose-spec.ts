/** What is stopped in an orderly way loses nothing: neither one replica under load, nor the whole composition. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { services } from '../../composition/services.js';
import { exchange } from '../../tour/exchange.js';
import { compose, containersOf, docker, login } from './docker.js';
import { healthy, Load, startScaled } from './load.js';

let load: Load;
beforeAll(async () => {
  await startScaled();
  load = await Load.start();
}, 180_000);
afterAll(() => load.stop());

describe('one replica after the other', () => {
  it.each(services.map(({ name }) => name))(
    'of %s is stopped and started under load, and no read and no order fails',
    async (name) => {
      for (const replica of await containersOf(name)) {
        await docker('stop', replica);
        expect(await docker('inspect', '--format', '{{.State.ExitCode}}', replica)).toBe('0');
        await docker('start', replica);
        await healthy(name);
        await sleep(1_000);
      }
      expect(load.take(`stop of each ${name}`)).toEqual([]);
    },
  );
});

describe('docker compose stop', () => {
  it('lets every request in flight finish, and every process end by itself', async () => {
    await load.stop();
    const { auth, orders, inventory } = load.urls;
    const demo = await login('demo');
    const admin = { ...(await login('admin')), audience: 'inventory' };
    const manager = await exchange<{ access_token: string }>('POST', `${auth}/auth/login`, { body: admin });
    const order = { lines: [{ sku: 'WAX-RED', quantity: 1 }] };
    const product = () => ({
      sku: `STOP-${randomUUID().slice(0, 8).toUpperCase()}`,
      name: 'Stopped',
      priceCents: 1,
      currency: 'EUR',
      stock: 1,
    });
    const inFlight = Array.from({ length: 5 }, () => [
      halfSent(`${auth}/auth/login`, demo),
      halfSent(`${orders}/orders`, order, load.tokens.at(-1)),
      halfSent(`${inventory}/products`, product(), manager.body.access_token),
    ]).flat();
    await sleep(500);
    const stopped = compose('stop');
    await sleep(2_000);
    const answers = await Promise.all(inFlight.map((upload) => upload.finish()));
    await stopped;
    expect(answers).toEqual(Array.from({ length: 5 }, () => [200, 201, 201]).flat());
    const states = await compose('ps', '--all', '--format', '{{.Service}} {{.State}} {{.ExitCode}}');
    expect(states.split('\n').filter((state) => !state.endsWith(' exited 0'))).toEqual([]);
    await startScaled();
  });
});

/** A POST whose headers and first bytes are sent; the rest follows with `finish`, which gives the status. */
function halfSent(url: string, body: unknown, token?: string): { finish(): Promise<number> } {
  const bytes = Buffer.from(JSON.stringify(body));
  const sent: ClientRequest = request(url, {
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'application/json',
      'content-length': bytes.length,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
  });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  answered.catch(() => undefined);
  sent.write(bytes.subarray(0, 5));
  return {
    finish: async () => {
      sent.end(bytes.subarray(5));
      const [response] = await answered;
      await once(response.resume(), 'end');
      return response.statusCode ?? 0;
    },
  };
}
