/** A verifier as specs run it: the ring and the feed of `#trust` on a NATS account of its own, without an application. */
import { readAnchor } from '#statements';
import type { TestNats } from '#testing';
import { createVerifyAccessToken, KeyRing, StatementFeed, type AccessTokenClaims } from '#trust';
import { connectNats } from '#trust/nats';
import type { AuthSettings } from '../src/config.js';

export type VerifierFixture = ReturnType<typeof startVerifier>;

/** Starts one; it hears auth over NATS, and over HTTP if `fetchUrl` is given. */
export function startVerifier(
  { issuer, trustAnchorPublic }: Pick<AuthSettings, 'issuer' | 'trustAnchorPublic'>,
  nats: TestNats,
  {
    service = 'orders',
    instance = 'one',
    fetchUrl = 'http://127.0.0.1:1',
    natsUrl = nats.url,
    clock = Date.now,
    confirmedSeconds = 15,
  }: {
    service?: string;
    instance?: string;
    fetchUrl?: string;
    /** Where it reaches NATS, if not directly. */
    natsUrl?: string;
    clock?: () => number;
    confirmedSeconds?: number;
  } = {},
) {
  const ring = new KeyRing({ issuer, anchors: trustAnchorPublic.map(readAnchor), confirmedSeconds, clock });
  const link = connectNats({ servers: natsUrl, nkeySeed: nats.nkeySeed(service), service, instance });
  const feed = new StatementFeed({
    ring,
    fetchUrl,
    nats: { connection: link.connection, service, instance },
    clock,
  });
  const verify = createVerifyAccessToken({ ring, clock });
  feed.start();
  return {
    ring,
    link,
    name: `${service}/${instance}`,
    /** The claims, or the code of the refusal. */
    judge(token: string, audience = service, strict = false): AccessTokenClaims | string {
      try {
        return verify(token, { audience, strict });
      } catch (error) {
        return (error as { code: string }).code;
      }
    },
    /** Whether it has all revocations and judges tokens. */
    isReady: () => ring.revocations.isFresh() && ring.revocations.fault() === undefined,
    epoch: () => ring.facts().epoch ?? 0,
    kids: () => ring.facts().keys.map((key) => key.kid),
    async stop() {
      await feed.stop();
      await link.close();
    },
  };
}
