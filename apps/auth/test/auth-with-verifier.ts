import { afterAll, beforeAll } from '@jest/globals';
import { eventually, startTestNats, type TestNats } from '#testing';
import type { AuthSettings } from '../src/config.js';
import { startAuth, type AuthFixture } from './auth-fixture.js';
import { startVerifier, type VerifierFixture } from './verifier-fixture.js';

/**
 * For a whole spec: auth, NATS, and a verifier for orders that hears of revocations. All are there when the first test
 * begins, and end after the last.
 */
export function authWithVerifier(settings: Partial<AuthSettings> = {}) {
  const system = {} as { nats: TestNats; auth: AuthFixture; orders: VerifierFixture };
  beforeAll(async () => {
    system.nats = await startTestNats();
    system.auth = await startAuth({ nats: system.nats, settings });
    system.orders = startVerifier(system.auth.settings, system.nats);
    await eventually(() => system.orders.isReady());
  }, 60_000);
  afterAll(async () => {
    await system.orders?.stop();
    await system.auth?.close();
    await system.nats?.close();
  });
  return system;
}
