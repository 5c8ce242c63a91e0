/**
 * The fourth way: a token of an issuer, checked with its public key. This is the verifier of Signet without NestJS. NATS
 * brings signed statements (which keys are good) and signed revocations (which sessions have ended). The login and the
 * logout are at the issuer, because no instance can sign.
 */
import { setTimeout } from 'node:timers/promises';
import { readAnchor } from '#statements';
import { createVerifyAccessToken, KeyRing, StatementFeed, TrustError } from '#trust';
import { connectNats } from '#trust/nats';
import type { FactsOf, Way } from './way.js';

/** The name of the instances at NATS, and the audience of the tokens. */
export const SERVICE = 'orders';
const POLL_MS = 50;
const START_TIMEOUT_MS = 15_000;

/** Resolves when it can judge tokens: a statement has arrived over NATS, and NATS was asked for earlier revocations. */
export async function publicKey(
  { issuer, anchor, natsUrl, nkeySeed }: FactsOf<'public-key'>,
  instance: number,
): Promise<Way> {
  const ring = new KeyRing({ issuer, anchors: [readAnchor(anchor)] });
  const verify = createVerifyAccessToken({ ring });
  const login = { service: SERVICE, instance: `instance-${instance}` };
  const nats = connectNats({ servers: natsUrl, nkeySeed, ...login });
  new StatementFeed({ ring, fetchUrl: issuer, nats }).start();
  const giveUpAt = performance.now() + START_TIMEOUT_MS;
  while (!ring.isPushed() || ring.revocations.fault() !== undefined) {
    if (performance.now() > giveUpAt) throw new Error('no statement or not all revocations have arrived');
    await setTimeout(POLL_MS);
  }
  return {
    whoIs(token) {
      try {
        return verify(token, { audience: SERVICE }).sub;
      } catch (error) {
        if (error instanceof TrustError) return undefined;
        throw error;
      }
    },
  };
}
