/** An orderly stop loses no request: the stop of one replica under load, and the stop of all containers. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { services } from '../../system/services.js';
import { exchange } from '../../tour/exchange.js';
import { compose, containersOf, docker, login } from './docker.js';
import { healthy, Load, startScaled } from './load.js';

const order = { lines: [{ sku: 'WAX-RED', quantity: 1 }] };
const product = () => ({
  sku: `STOP-${randomUUID().slice(0, 8).toUpperCase()}`,
  name: 'Stopped',
  priceCents: 1,
  currency: 'EUR',
  stock: 1,
});

let load: Load;
/** Begins a POST for each service and sends only the first half of it. */
let half: Record<string, () => HalfSent>;
beforeAll(async () => {
  await startScaled();
  // Many requests at the same time, so that one is always on its way when a connection is closed.
  load = await Load.start({ lanes: 6, pauseMs: 0 });
  const { auth, orders, inventory } = load.urls;
  const [demo, admin] = [await login('demo'), await login('admin')];
  const manager = await exchange<{ access_token: string }>('POST', `${auth}/auth/login`, {
    body: { ...admin, audience: 'inventory' },
  });
  half = {
    auth: () => halfSent(`${auth}/auth/login`, demo),
    orders: () => halfSent(`${orders}/orders`, order, load.tokens.at(-1)),
    inventory: () => halfSent(`${inventory}/products`, product(), manager.body.access_token),
  };
}, 180_000);
afterAll(() => load.stop());

describe('one replica after the other', () => {
  it.each(services.map(({ name }) => name))(
    'of %s is stopped and started under load, and no read and no order fails',
    async (name) => {
      for (const replica of await containersOf(name)) {
        await stopCleanly([replica]);
        await docker('start', replica);
        await healthy(name);
        await sleep(1_000);
      }
      expect(load.take(`stop of each ${name}`)).toEqual([]);
    },
  );
});

describe('an open request', () => {
  it.each(services.map(({ name }) => name))(
    'is finished although every replica of %s is stopped',
    async (name) => {
      await load.stop();
      const replicas = await containersOf(name);
      const inFlight = Array.from({ length: 10 }, half[name]!);
      await sleep(500);
      const stopped = stopCleanly(replicas);
      // After the shutdown delay, the server itself waits for them.
      await sleep(3_000);
      const answers = await Promise.all(inFlight.map((upload) => upload.finish()));
      await stopped;
      expect(answers).toEqual(answers.map(() => (name === 'auth' ? 200 : 201)));
      await docker('start', ...replicas);
      await healthy(name);
    },
  );

  it('is finished during docker compose stop, and every process ends by itself', async () => {
    const inFlight = Array.from({ length: 5 }, () => services.map(({ name }) => half[name]!())).flat();
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

/** Stops containers at the same time. All must end by themselves, with code 0. */
async function stopCleanly(containers: readonly string[]): Promise<void> {
  await docker('stop', ...containers);
  const codes = await docker('inspect', '--format', '{{.State.ExitCode}}', ...containers);
  expect(codes.split('\n')).toEqual(containers.map(() => '0'));
}

interface HalfSent {
  /** Sends the rest, and returns the status of the answer. */
  finish(): Promise<number>;
}

/** Sends the headers and the first bytes of a POST. */
function halfSent(url: string, body: unknown, token?: string): HalfSent {
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
