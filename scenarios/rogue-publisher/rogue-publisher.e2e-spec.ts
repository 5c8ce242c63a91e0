import { expect } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestKey, eventually, published, signCompact, type TestKey } from '#testing';
import { decode } from '../../infra/tour/tokens.js';
import { scenario } from '../support/scenario.js';
import { guarded, mainService, type Grant, type Ring } from '../support/scenario-system.js';
import { expectOnly200, type Traffic } from '../support/traffic.js';

const keysetSubject = 'trust.keyset';
const keysetByDirectGet = '$JS.API.DIRECT.GET.TRUST.trust.keyset';
/** The attacker has the secrets of the main service. This one is not his. */
const other = guarded[1] ?? 'auth';
/** The service that is restarted in between. */
const restarted = guarded.at(-1)!;

// A statement lives 8 s, so that one can be kept until it has expired.
const periods = {
  auth: {
    ACCESS_TOKEN_SECONDS: '6',
    MAX_TOKEN_SECONDS: '6',
    CLOCK_SKEW_SECONDS: '1',
    STATEMENT_SECONDS: '8',
    STATEMENT_INTERVAL_SECONDS: '1',
    COUNTED_SECONDS: '4',
  },
};

scenario(import.meta.url, periods, (system, step) => {
  const rogueKey = createTestKey();
  const rogueAnchor = createTestKey();
  let recorded: string;
  let attacker: NatsConnection;
  let scope: unknown;
  let auth: NatsConnection;
  let traffic: Traffic;

  /** The statement that auth serves at this moment. */
  const genuine = async () => (await system.ask<string>('auth', 'GET /.well-known/keyset')).body;

  /** A key set of the attacker's, newer than any, in the name of the true issuer. */
  function forgeStatement(signer: TestKey, kid = signer.kid): string {
    const iat = Math.floor(Date.now() / 1000);
    const { issuer } = system.parts.running;
    return signCompact(
      { alg: signer.alg, typ: 'jwk-set+jwt', kid },
      {
        iss: issuer,
        sub: issuer,
        iat,
        exp: iat + 900,
        epoch: 1_000_000,
        revocations: { from: 0, to: 0 },
        keys: [published(rogueKey)],
        revoked: [],
      },
      signer,
    );
  }

  /** A token of the key that the attacker would like to see in the ring. */
  function forgeToken(): Grant {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { sub: 'mallory', aud: mainService, client_id: 'web', scope, jti: 'one' };
    const payload = { iss: system.parts.running.issuer, ...claims, iat, exp: iat + 300 };
    const token = signCompact({ alg: 'ES256', typ: 'at+jwt', kid: rogueKey.kid }, payload, rogueKey);
    return { audience: mainService, token };
  }

  step('1. Record a statement, and let customers go on', async () => {
    recorded = await genuine();
    ({ scope } = decode((await system.grant()).token).claims);
    traffic = system.traffic(system.freshLanes());
    await eventually(async () => epochOf(await genuine()) > epochOf(recorded));
    expect(await system.knock(forgeToken())).toBe(401);
  });

  step('2. As a service, publish a forged statement and an old one', async () => {
    attacker = await system.natsAs(mainService);
    for (const statement of [forgeStatement(rogueAnchor), recorded])
      expect(await refusedByNats(attacker, keysetSubject, statement)).toBe(true);
  });

  step('3. As this service, acknowledge for another one', async () => {
    const ack = JSON.stringify({ epoch: 1, kids: [], pins: [], at: 0 });
    expect(await refusedByNats(attacker, `trust.ack.${other}.ghost`, ack)).toBe(true);
    // Its own name is free to it, so this shows that the way is open and only the name was refused.
    expect(await refusedByNats(attacker, `trust.ack.${mainService}.ghost`, ack)).toBe(false);
    const names = await eventually(async () => {
      const seen = (await system.verifiers()).verifiers.map(
        ({ service, instance }) => `${service}/${instance}`,
      );
      expect(seen).toContain(`${mainService}/ghost`);
      return seen;
    });
    expect(names).not.toContain(`${other}/ghost`);
  });

  step('4. As this service, make JetStream publish it', async () => {
    const before = await system.ring(other);
    const heard = new Promise<string>((resolve) => {
      attacker.subscribe(keysetSubject, {
        // What comes live has no such header.
        callback: (_error, message) => {
          if (message.headers?.get('Nats-Sequence')) resolve(message.string());
        },
      });
    });
    // JetStream answers a direct get to whatever subject the asker names, with its own rights.
    attacker.publish(keysetByDirectGet, '', { reply: keysetSubject });
    expect(decode(await heard).header.typ).toBe('jwk-set+jwt');
    // The answer came back into the asker's own account, and to nobody else.
    await eventually(async () => (await system.ring(other)).epoch! > before.epoch!);
    expect((await system.ring(other)).statements.refused).toEqual(before.statements.refused);
  });

  step('5. With the NATS account of auth, publish every kind of false statement', async () => {
    auth = await system.natsAs('auth');
    const before = await rings();
    const anchorKid = headerOf(recorded).kid;
    const present = await genuine();
    const [header, payload, signature] = present.split('.') as [string, string, string];
    const promoted = Buffer.from(payload, 'base64url')
      .toString()
      .replace(/"epoch":\d+/, '"epoch":2000000');
    const token = (await system.grant()).token;
    const lies = {
      'another anchor': forgeStatement(rogueAnchor),
      'another anchor under the name of the pinned one': forgeStatement(rogueAnchor, anchorKid),
      'a true statement with a greater epoch': `${header}.${Buffer.from(promoted).toString('base64url')}.${signature}`,
      'a true statement, once more': present,
      'an access token': token,
      'no statement at all': 'gibberish',
      '300 KiB': 'x'.repeat(300 * 1024),
    };
    // Live to every subscriber, whatever JetStream makes of it.
    await eventually(async () => epochOf(await genuine()) > epochOf(present));
    for (const lie of Object.values(lies)) auth.publish(keysetSubject, lie);
    await expectRefused(before, {
      unknown_anchor: 1,
      bad_signature: 2,
      old_epoch: 1,
      wrong_typ: 1,
      malformed: 1,
      too_large: 1,
    });
  });

  step('6. Wait until the recorded statement has expired, and replay it', async () => {
    await sleep(Math.max(0, (decode(recorded).claims['exp'] as number) * 1000 - Date.now()));
    const before = await rings();
    auth.publish(keysetSubject, recorded);
    await expectRefused(before, { expired: 1 });
  });

  step('7. Leave a forged statement in the stream for the next verifier', async () => {
    await jetstream(auth).publish(keysetSubject, forgeStatement(rogueAnchor));
    await system.parts.restart(restarted);
    // auth takes what it did not sign for nothing, and publishes over it.
    const stored = await eventually(async () => {
      const jws = (await attacker.request(keysetByDirectGet, '', { timeout: 1_000 })).string();
      expect(headerOf(jws).kid).toBe(headerOf(recorded).kid);
      return jws;
    });
    await eventually(async () => (await system.ring(restarted)).epoch! > epochOf(stored));
    const { statements } = await system.ring(restarted);
    expect(statements.accepted.nats).toBeGreaterThan(0);
  });

  step('8. See that nothing has changed', async () => {
    const { [restarted]: ofRestarted = {}, ...ofOthers } = await traffic.stop();
    expectOnly200(ofOthers);
    // It did not always answer; when it did, it was right.
    expect(ofRestarted[200]).toBeGreaterThan(0);
    expect(Object.keys(ofRestarted).filter((status) => !['0', '200', '503'].includes(status))).toEqual([]);
    expect(await system.knock(forgeToken())).toBe(401);
    const { keys } = await system.keys();
    for (const service of guarded) {
      const ring = await system.ring(service);
      expect(ring.freshness).toBe('confirmed');
      expect(ring.keys.map(({ kid }) => kid).sort()).toEqual(keys.map(({ kid }) => kid).sort());
    }
  });

  async function rings(): Promise<Ring[]> {
    return Promise.all(guarded.map((service) => system.ring(service)));
  }

  /** All verifiers count exactly these refusals more than before, hold the same keys, and go on. */
  async function expectRefused(before: Ring[], more: Readonly<Record<string, number>>): Promise<void> {
    await eventually(async () => {
      for (const [index, ring] of (await rings()).entries()) {
        const counted = before[index]!.statements.refused as Record<string, number>;
        const expected = Object.entries(more).map(([reason, count]) => [
          reason,
          (counted[reason] ?? 0) + count,
        ]);
        expect(ring.statements.refused).toEqual({ ...counted, ...Object.fromEntries(expected) });
        expect(ring.keys).toEqual(before[index]!.keys);
        expect(ring.epoch).toBeGreaterThan(before[index]!.epoch!);
      }
    });
  }
});

const headerOf = (jws: string) => decode(jws).header;
const epochOf = (jws: string) => decode(jws).claims['epoch'] as number;

/** Publishes, and says whether NATS refused it for want of permission. */
async function refusedByNats(connection: NatsConnection, subject: string, data: string): Promise<boolean> {
  let refused = false;
  const watch = async () => {
    for await (const status of connection.status())
      if (status.type === 'error' && status.error.message.includes(`Publish to "${subject}"`)) refused = true;
  };
  void watch();
  connection.publish(subject, data);
  // The server answers in order: its refusal is here before the flush.
  await connection.flush();
  await sleep(0);
  return refused;
}
