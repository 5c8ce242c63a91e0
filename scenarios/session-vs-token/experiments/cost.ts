/** What one request costs: look-ups in a store, and bytes on the wire. */
import { Agent, get } from 'node:http';
import type { Fleet } from '../fleet/fleet.js';

/** Counted by the instances. */
export async function lookUpsPerRequest(fleet: Fleet, requests: number): Promise<number> {
  const credential = await fleet.logIn('counted');
  const before = await lookUps(fleet);
  for (let i = 0; i < requests; i += 1) await fleet.me(credential);
  return ((await lookUps(fleet)) - before) / requests;
}

async function lookUps({ instances }: Fleet): Promise<number> {
  const counts = await Promise.all(instances.map((instance) => instance.ask<number>({ ask: 'lookUps' })));
  return counts.reduce((a, b) => a + b, 0);
}

/** Bytes of a whole request as Node sends it with no other field than it must, and of its credential. */
export async function bytesPerRequest(fleet: Fleet): Promise<{ request: number; credential: number }> {
  const credential = await fleet.logIn('measured');
  const agent = new Agent({ keepAlive: false });
  const request = await new Promise<number>((resolve, reject) => {
    const options = { agent, headers: { authorization: `Bearer ${credential}` }, timeout: 5_000 };
    const sent = get(`${fleet.balancer.url}/me`, options, (answer) => {
      const bytes = answer.socket.bytesWritten;
      answer.resume().on('end', () => resolve(bytes));
      answer.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
  });
  return { request, credential: credential.length };
}
