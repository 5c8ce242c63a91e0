import { expect } from '@jest/globals';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestKey, eventually, published, signCompact, type TestKey } from '#testing';
import { secretPaths } from '../../infra/system/secrets.js';
import { decode } from '../../infra/tour/tokens.js';
import { scenario } from '../support/scenario.js';
import { mainService, verifiers, type Grant, type Ring } from '../support/scenario-system.js';
import { expectOnly200, type Traffic } from '../support/traffic.js';

/** The private half of an anchor, wherever it came from. */
type Anchor = Pick<TestKey, 'alg' | 'kid' | 'privateKey'>;

const countedSeconds = 4;
const periods = {
  auth: { STATEMENT_INTERVAL_SECONDS: '1', COUNTED_SECONDS: `${countedSeconds}` },
};

scenario(import.meta.url, periods, (system, step) => {
  const [next, third, rogue] = [createTestKey(), createTestKey(), createTestKey()];
  let first: Anchor;
  let traffic: Traffic;
  let customer: Grant;

  const publicFile = (name: string) => join(secretPaths.public(system.stateDir), `${name}.pem`);
  const privateFile = (name: string) => join(secretPaths.of(system.stateDir, 'auth'), `${name}.private.pem`);

  /** Configures the anchors that a service pins, by the names of their files, and auth's own halves likewise. */
  function configureAnchors(service: string, ...names: string[]): void {
    system.configure(service, {
      TRUST_ANCHOR_PUBLIC_FILE: names.map(publicFile).join(','),
      ...(service === 'auth' && { TRUST_ANCHOR_PRIVATE_FILE: names.map(privateFile).join(',') }),
    });
  }

  function keepAnchor(name: string, { privateKey, publicPem }: TestKey): void {
    writeFileSync(publicFile(name), publicPem, { mode: 0o600 });
    writeFileSync(privateFile(name), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  }

  const rings = () => Promise.all(verifiers.map((service) => system.ring(service)));
  const refusals = (ring: Ring, reason: 'closed_anchor' | 'unknown_anchor') =>
    ring.statements.refused[reason] ?? 0;

  /** The services whose instances keep auth from going over. */
  async function waitedFor(): Promise<string[]> {
    const { anchorExchange } = await system.verifiers();
    return (anchorExchange?.waitingFor ?? []).map((name) => name.split('/')[0]!);
  }

  /** A key set with the attacker's key alone, newer than any, published with the NATS account of auth. */
  async function publishForgery(signer: Anchor): Promise<void> {
    const iat = Math.floor(Date.now() / 1000);
    const { issuer } = system.parts.running;
    const payload = { iss: issuer, sub: issuer, iat, exp: iat + 900, epoch: 1_000_000 };
    const keys = { revocations: { from: 0, to: 0 }, keys: [published(rogue)], revoked: [] };
    const header = { alg: signer.alg, typ: 'jwk-set+jwt', kid: signer.kid };
    const nats = await system.natsAs('auth');
    nats.publish('trust.keyset', signCompact(header, { ...payload, ...keys }, signer));
    await nats.flush();
  }

  function forgedToken(): Grant {
    const iat = Math.floor(Date.now() / 1000);
    const { scope } = decode(customer.token).claims;
    const claims = { sub: 'mallory', aud: mainService, client_id: 'web', scope, jti: 'one' };
    const payload = { iss: system.parts.running.issuer, ...claims, iat, exp: iat + 300 };
    const token = signCompact({ alg: rogue.alg, typ: 'at+jwt', kid: rogue.kid }, payload, rogue);
    return { audience: mainService, token };
  }

  /** Knocks as a client behind a load balancer does: an instance that restarts is not there, and another try is. */
  async function knockUntilThere(grant: Grant): Promise<number> {
    for (let tries = 0; ; tries += 1) {
      const status = await system.knock(grant).catch(() => 0);
      if ((status !== 0 && status !== 503) || tries === 200) return status;
      await sleep(50);
    }
  }

  step('1. Make the next anchor', async () => {
    const privateKey = createPrivateKey(readFileSync(privateFile('trust-anchor')));
    first = { alg: 'ES256', kid: (await system.ring('auth')).pin!, privateKey };
    keepAnchor('next-anchor', next);
    for (const { pins, pin } of await rings())
      expect({ pins, pin }).toEqual({ pins: [first.kid], pin: first.kid });
    const grants = await system.grants();
    customer = grants[0]!;
    traffic = system.traffic(
      Object.fromEntries(grants.map((grant) => [grant.audience, () => knockUntilThere(grant)])),
    );
  });

  step('2. Give auth both anchors, and see that it waits', async () => {
    configureAnchors('auth', 'trust-anchor', 'next-anchor');
    await system.parts.restart('auth');
    await eventually(async () => (await system.verifiers()).complete, { timeoutMs: 10_000 });
    const { epoch } = await system.ring('auth');
    await eventually(async () => (await system.ring(mainService)).epoch! > epoch! + 1); // two more rounds
    for (const { pin } of await rings()) expect(pin).toBe(first.kid);
    const pinsOf = Object.fromEntries(
      (await system.verifiers()).verifiers.map(({ service, pins }) => [service, pins]),
    );
    expect(pinsOf).toEqual({
      auth: [first.kid, next.kid],
      ...Object.fromEntries(verifiers.map((service) => [service, [first.kid]])),
    });
    expect(await waitedFor()).toEqual([...verifiers].sort());
  });

  step('3. Give both pins to one verifier after the other', async () => {
    for (const service of verifiers) {
      for (const { pin } of await rings()) expect(pin).toBe(first.kid);
      configureAnchors(service, 'trust-anchor', 'next-anchor');
      await system.parts.restart(service);
      // The instance from before has said goodbye.
      await eventually(async () => expect(await waitedFor()).not.toContain(service));
    }
  });

  step('4. See that auth changes to the next anchor by itself', async () => {
    await eventually(
      async () => {
        for (const { pin } of await rings()) expect(pin).toBe(next.kid);
      },
      { timeoutMs: (countedSeconds + 6) * 1_000 },
    );
    expect((await system.ring('auth')).pin).toBe(next.kid);
  });

  step('5. Publish a statement of the old anchor', async () => {
    const before = await rings();
    await publishForgery(first);
    await eventually(async () => {
      for (const [index, ring] of (await rings()).entries()) {
        expect(refusals(ring, 'closed_anchor')).toBe(refusals(before[index]!, 'closed_anchor') + 1);
        expect(ring.keys).toEqual(before[index]!.keys);
      }
    });
  });

  step('6. Drop the old pin everywhere', async () => {
    await redeploy('next-anchor');
    for (const { pins, pin } of await rings())
      expect({ pins, pin }).toEqual({ pins: [next.kid], pin: next.kid });
    await publishForgery(first);
    await eventually(async () => {
      for (const ring of await rings()) expect(refusals(ring, 'unknown_anchor')).toBeGreaterThan(0);
    });
    await traffic.untilAnswered(3);
    expectOnly200(await traffic.stop());
  });

  step('7. Lose the anchor itself', async () => {
    expect(await system.knock(forgedToken())).toBe(401);
    await publishForgery(next);
    // Whoever has the anchor is the issuer: his key set is believed, and the true one is not in it.
    await eventually(async () => (await system.knock(forgedToken())) === 200);
    expect(await system.knock(customer)).toBe(401);
  });

  step('8. Redeploy with a third anchor alone', async () => {
    keepAnchor('third-anchor', third);
    await redeploy('third-anchor');
    expect(await knockUntilThere(customer)).toBe(200);
    expect(await system.knock(forgedToken())).toBe(401);
    await publishForgery(next);
    await eventually(async () => {
      for (const ring of await rings()) expect(refusals(ring, 'unknown_anchor')).toBeGreaterThan(0);
    });
    expect(await system.knock(forgedToken())).toBe(401);
    expect(await system.knock(await system.grant())).toBe(200);
  });

  /** Restarts everyone with this anchor and no other. */
  async function redeploy(anchor: string): Promise<void> {
    const services = ['auth', ...verifiers];
    for (const service of services) configureAnchors(service, anchor);
    // A verifier is ready only with a statement that it believes, so all at once.
    await Promise.all(services.map((service) => system.parts.restart(service)));
  }
});
