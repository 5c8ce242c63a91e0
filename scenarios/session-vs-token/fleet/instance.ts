/**
 * One instance of the API in a process of its own. Its parent sends the facts first. Afterwards the parent can ask what
 * no client can ask, such as the memory of the process.
 */
import pLimit from 'p-limit';
import { sessionInMemory } from '../ways/session-in-memory.js';
import { sessionInStore } from '../ways/session-in-store.js';
import { sharedSecret } from '../ways/shared-secret.js';
import type { Facts, Way } from '../ways/way.js';
import { api } from './api.js';

/** The first message. `number` begins with 1. */
export interface Start {
  readonly facts: Facts;
  readonly number: number;
}

/** A later message. */
export type Question =
  | { readonly ask: 'memory' | 'lookUps' | 'idsInMemory' | 'sweep' }
  | { readonly ask: 'advanceClock'; readonly seconds: number }
  | { readonly ask: 'logIn'; readonly accounts: readonly string[] };

let movedMs = 0;
const clock = () => Date.now() + movedMs;
let way: Way;

process.once('message', (start: Start) => {
  void begin(start);
});
process.once('disconnect', () => process.exit(0));

async function begin({ facts, number }: Start): Promise<void> {
  way = await wayOf(facts, number);
  const url = await api(way).listen({ port: 0, host: '127.0.0.1' });
  process.on('message', (question: Question) => {
    void answer(question).then((result) => process.send!({ result }));
  });
  process.send!({ result: url });
}

async function wayOf(facts: Facts, number: number): Promise<Way> {
  switch (facts.way) {
    case 'memory':
      return sessionInMemory(number, clock);
    case 'store':
      return sessionInStore(facts, clock);
    case 'shared-secret':
      return sharedSecret(facts);
    case 'public-key':
      // It loads much code, so only the instances that need it load it.
      return (await import('../ways/public-key.js')).publicKey(facts, number);
  }
}

async function answer(question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'memory':
      return memoryInUse();
    case 'lookUps':
      return way.lookUps?.() ?? 0;
    case 'idsInMemory':
      return way.idsInMemory?.() ?? [];
    case 'sweep':
      return (await way.sweep?.()) ?? 0;
    case 'advanceClock':
      movedMs += question.seconds * 1000;
      return movedMs;
    case 'logIn':
      return pLimit(10).map(question.accounts, (account) => way.logIn?.(account));
  }
}

/** Bytes that are reachable. The parent starts this process with `--expose-gc`. */
function memoryInUse(): number {
  globalThis.gc!();
  globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
