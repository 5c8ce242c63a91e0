/**
 * The key set, its rotations and those who verify as a model: whatever happens in whatever order, crashes and lost or
 * late acknowledgements included, the rules of the life cycle hold. What decides is the real code; what is modelled is
 * the table (a variable), the network, and time. Each command is one transaction of auth, so that a crash between two
 * of them is just another order of commands.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_STATEMENT_KEYS } from '#statements';
import type { AlgorithmName } from '#jws';
import { fakeClock } from '#testing';
import { AuthError } from '../errors.js';
import { decideRotation, dueStandby } from './rotation-decision.js';
import type { Rotation } from './rotation.entity.js';
import { readAcknowledgement } from '../verifiers/acknowledgement.js';
import { Verifiers, type Verifier } from '../verifiers/verifiers.js';
import {
  activate,
  activeKey,
  isFull,
  isPublished,
  prepare,
  retireExpired,
  revoke,
  standbyKey,
  type KeyRecords,
} from '../keys/key-life-cycle.js';

const [TOKEN_SECONDS, SKEW_SECONDS, STATEMENT_SECONDS, COUNTED_SECONDS] = [300, 5, 900, 25];
const SCHEDULE = { rotationSeconds: 2_000, jwksMaxAgeSeconds: 300 };
const LEGAL = ['prepared>active', 'active>retiring', 'retiring>retired'].concat(
  ['prepared', 'active', 'retiring'].map((status) => `${status}>revoked`),
);

interface Member {
  readonly name: string;
  kids: readonly string[];
  epoch: number;
  exp: number;
  hearsAuth: boolean;
  acks: 'arrive' | 'are lost' | 'are late';
  readonly late: string[];
  /** When auth last heard of it. */
  heardAt: number;
}

/** How often what happened, to know that the rules were put to the test at all. */
const seen: Record<string, number> = {};
const count = (what: string) => (seen[what] = (seen[what] ?? 0) + 1);

class World {
  readonly clock = fakeClock();
  keys: KeyRecords = [];
  rotation: Pick<Rotation, 'kid' | 'cause' | 'requestedAt' | 'waitsForJwks'> | undefined;
  epoch = 0;
  statement = { iat: 0, kids: [] as readonly string[] };
  /** auth's memory; its table of verifiers outlives it. */
  verifiers = new Verifiers(COUNTED_SECONDS * 1000, this.clock.now);
  connectedAt: number | undefined = this.clock.now();
  readonly saved = new Map<string, Verifier>();
  readonly members: Member[] = ['one', 'two', 'three'].map((name) => ({
    ...{ name, kids: [], epoch: 0, exp: 0, hearsAuth: true, acks: 'arrive', late: [], heardAt: -Infinity },
  }));
  private made = 0;
  private readonly everRevoked = new Set<string>();
  private readonly stoppedAt = new Map<string, number>();

  constructor() {
    const { keys, now } = this;
    const [first, second] = [this.fresh('ES256'), this.fresh('ES256')];
    const options = { now, verifyUntil: now, destroy: () => '' };
    this.issue(prepare(activate(prepare(keys, first, now), first.kid, options), second, now));
  }

  get now(): Date {
    return this.clock.date();
  }

  private fresh(alg: AlgorithmName) {
    const kid = `k${(this.made += 1)}`;
    return { kid, alg, publicJwk: { kid }, seal: `private ${kid}` };
  }

  // What auth does, a transaction each.

  private change(step: (keys: KeyRecords) => KeyRecords | undefined): void {
    let after: KeyRecords | undefined;
    try {
      after = step(retireExpired(this.keys, this.now));
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      count(error.code);
    }
    if (after) this.issue(after);
  }

  private issue(after: KeyRecords): void {
    this.checkStep(after);
    this.keys = after;
    this.epoch += 1;
    const kids = after.filter(isPublished).map(({ kid }) => kid);
    this.statement = { iat: this.clock.now() / 1000, kids };
    for (const member of this.members) if (member.hearsAuth) this.accept(member);
  }

  reissue(): void {
    this.change((keys) => keys);
  }

  request(alg: AlgorithmName | undefined): void {
    if (this.rotation) return;
    const wanted = alg ?? activeKey(this.keys)?.alg ?? 'ES256';
    const spare = this.fresh(wanted);
    this.change((keys) => {
      const standby = standbyKey(keys, wanted);
      const after = standby ? keys : prepare(keys, spare, this.now);
      const cause = activeKey(keys) ? 'requested' : 'emergency';
      this.rotation = { kid: (standby ?? spare).kid, cause, requestedAt: this.now, waitsForJwks: false };
      return standby ? undefined : after;
    });
  }

  rotateWhenDue(): void {
    const standby = this.rotation ? undefined : dueStandby(this.keys, this.now, SCHEDULE);
    if (!standby) return;
    count('scheduled');
    this.rotation = { kid: standby.kid, cause: 'scheduled', requestedAt: this.now, waitsForJwks: false };
  }

  replaceMissing(): void {
    const standby = standbyKey(this.keys);
    if (activeKey(this.keys) || !standby || this.rotation) return;
    this.rotation = { kid: standby.kid, cause: 'emergency', requestedAt: this.now, waitsForJwks: false };
  }

  advance(force: boolean): void {
    const { rotation } = this;
    if (!rotation) return;
    this.change((keys) => {
      const decision = decideRotation({
        ...{ rotation, keys, now: this.now, statementSeconds: STATEMENT_SECONDS },
        jwksMaxAgeSeconds: SCHEDULE.jwksMaxAgeSeconds,
        isComplete: this.isComplete(),
        lacking: this.verifiers.lacking(({ kids }) => kids.includes(rotation.kid)),
      });
      if (decision === 'wait' && !force) return undefined;
      this.rotation = undefined;
      if (decision === 'aborted' || decision === 'activated') return undefined;
      if (!force && rotation.cause !== 'emergency') this.checkNoWrongRefusal(rotation.kid);
      const verifyUntil = new Date(this.clock.now() + (TOKEN_SECONDS + SKEW_SECONDS) * 1000);
      return activate(keys, rotation.kid, { now: this.now, verifyUntil, destroy: () => 'public only' });
    });
  }

  abort(): void {
    this.rotation = undefined;
  }

  completeKeys(): void {
    const active = activeKey(this.keys);
    if ((active && standbyKey(this.keys, active.alg)) || (!active && standbyKey(this.keys))) return;
    this.change((keys) => {
      const after = prepare(keys, this.fresh(active?.alg ?? 'ES256'), this.now);
      this.beginEmergency(after);
      return after;
    });
  }

  private beginEmergency(keys: KeyRecords): void {
    const standby = standbyKey(keys);
    if (activeKey(keys) || !standby) return;
    count('emergency');
    this.rotation ??= { kid: standby.kid, cause: 'emergency', requestedAt: this.now, waitsForJwks: false };
  }

  /** The spare is not there right after another revocation. */
  revoke(index: number, includeStandby: boolean, hasSpare = true): void {
    const { kid } = this.keys[index % this.keys.length]!;
    const spare = this.fresh(activeKey(this.keys)?.alg ?? 'ES256');
    this.change((keys) => {
      const fallen = revoke(keys, kid, {
        ...{ now: this.now, reason: 'compromised', note: null },
        includeStandby,
      });
      const isSpared = hasSpare && !includeStandby && !standbyKey(fallen, spare.alg);
      const after = isSpared ? prepare(fallen, spare, this.now) : fallen;
      const isWaiting = after.some((key) => key.kid === this.rotation?.kid && key.status === 'prepared');
      if (!isWaiting) this.rotation = undefined;
      this.beginEmergency(after);
      return after;
    });
  }

  restart(): void {
    this.verifiers = new Verifiers(COUNTED_SECONDS * 1000, this.clock.now);
    this.connectedAt = this.clock.now();
    const since = this.clock.now() - COUNTED_SECONDS * 1000;
    for (const row of this.saved.values()) if (row.seenAt > since) this.verifiers.remember(row);
  }

  private isComplete(): boolean {
    return this.connectedAt !== undefined && this.clock.now() - this.connectedAt >= COUNTED_SECONDS * 1000;
  }

  // What verifiers do.

  accept(member: Member): void {
    const { iat, kids } = this.statement;
    Object.assign(member, { kids, epoch: this.epoch, exp: iat + STATEMENT_SECONDS });
    const ack = JSON.stringify({ epoch: this.epoch, kids, pins: ['a'], at: this.clock.now() });
    if (member.acks === 'arrive') this.hear(member, ack);
    if (member.acks === 'are late') member.late.push(ack);
  }

  /** The oldest of those that are late. */
  deliver(member: Member): void {
    const ack = member.late.shift();
    if (ack) this.hear(member, ack);
  }

  private hear(member: Member, ack: string): void {
    if (this.connectedAt === undefined) return;
    this.tell(member.name, ack);
    member.heardAt = this.clock.now();
  }

  tell(name: string, ack: string): void {
    const heard = readAcknowledgement(`trust.ack.orders.${name}`, Buffer.from(ack), this.epoch);
    const verifier = typeof heard === 'object' && 'epoch' in heard && this.verifiers.hear(heard);
    if (verifier) this.saved.set(name, verifier);
  }

  // What must be so.

  private checkStep(after: KeyRecords): void {
    expect(after.length).toBeGreaterThanOrEqual(this.keys.length);
    for (const [index, before] of this.keys.entries()) {
      const next = after[index]!;
      expect(next.kid).toBe(before.kid);
      if (next.status === before.status) continue;
      expect(LEGAL).toContain(`${before.status}>${next.status}`);
      if (before.status === 'active') this.stoppedAt.set(before.kid, this.clock.now());
      if (next.status === 'retiring') {
        const stays = next.verifyUntil!.getTime() - this.stoppedAt.get(next.kid)!;
        expect(stays).toBeGreaterThanOrEqual((TOKEN_SECONDS + SKEW_SECONDS) * 1000);
        expect(next.seal).toBe('public only');
      }
      if (next.status === 'retired')
        expect(this.clock.now()).toBeGreaterThanOrEqual(before.verifyUntil!.getTime());
      if (next.status === 'revoked') this.everRevoked.add(next.kid);
      count(`${before.status}>${next.status}`);
    }
  }

  /** Nobody whom auth heard of lately, and who would still answer, may lack the key that is to sign. */
  private checkNoWrongRefusal(kid: string): void {
    const now = this.clock.now();
    const wrong = this.members.filter(
      ({ heardAt, kids, exp }) =>
        now - heardAt < COUNTED_SECONDS * 1000 && !kids.includes(kid) && exp * 1000 > now,
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
    if (this.isComplete()) count('acknowledged');
    else {
      const prepared = this.keys.find((key) => key.kid === kid)!.preparedAt.getTime();
      expect(now).toBeGreaterThanOrEqual(prepared + STATEMENT_SECONDS * 1000);
      count('expired');
    }
  }

  check(): void {
    const statuses = this.keys.map(({ status }) => status);
    const actives = statuses.filter((status) => status === 'active').length;
    // None only in an emergency.
    if (actives !== 1) {
      expect(actives).toBe(0);
      expect(this.everRevoked.size).toBeGreaterThan(0);
      if (this.rotation) expect(this.rotation.cause).toBe('emergency');
    }
    expect(this.keys.filter(isPublished).length).toBeLessThan(MAX_STATEMENT_KEYS);
    expect(new Set(this.keys.map(({ kid }) => kid)).size).toBe(this.keys.length);
    for (const { kid, status, seal } of this.keys) {
      if (status === 'revoked' || status === 'retired') expect(seal).toBe('');
      if (this.everRevoked.has(kid)) expect(status).toBe('revoked');
    }
    for (const kid of this.everRevoked) expect(this.statement.kids).not.toContain(kid);
  }
}

type Command = (world: World) => void;

const command = (name: string, run: Command): Command =>
  Object.assign(run, { [fc.toStringMethod]: () => name });
const always = (name: string, run: Command) => fc.constant(command(name, run));
const member = fc.nat(2);
const auth = [
  always('reissue', (world) => world.reissue()),
  fc
    .constantFrom<(AlgorithmName | undefined)[]>(undefined, undefined, 'ES256', 'RS256', 'PS256')
    .map((alg) => command(`rotate ${alg ?? ''}`, (world) => world.request(alg))),
  always('advance', (world) => world.advance(false)),
  always('rotate when due', (world) => world.rotateWhenDue()),
  always('complete the keys', (world) => world.completeKeys()),
  always('replace what is missing', (world) => world.replaceMissing()),
];
const operator = [
  always('proceed', (world) => world.advance(true)),
  always('abort', (world) => world.abort()),
  fc
    .tuple(fc.nat(60), fc.boolean(), fc.boolean())
    .map(([index, all, hasSpare]) =>
      command(`revoke ${index} ${all ? 'and all' : ''}`, (world) => world.revoke(index, all, hasSpare)),
    ),
];
const world = [
  fc
    .constantFrom(0.3, 1, 5, 26, 26, 310, 901)
    .map((seconds) => command(`${seconds} s`, ({ clock }) => clock.advance(seconds * 1000))),
  always('auth restarts', (world) => world.restart()),
  always('auth loses NATS', (world) => (world.connectedAt = undefined)),
  always('auth has NATS again', (world) => (world.connectedAt ??= world.clock.now())),
  fc
    .tuple(member, fc.boolean())
    .map(([i, hears]) =>
      command(
        `${i} ${hears ? 'hears auth' : 'is cut off'}`,
        ({ members }) => (members[i]!.hearsAuth = hears),
      ),
    ),
  fc
    .tuple(member, fc.constantFrom('arrive', 'are lost', 'are late'))
    .map(([i, acks]) => command(`acks of ${i} ${acks}`, ({ members }) => (members[i]!.acks = acks))),
  member.map((i) => command(`${i} polls`, (world) => world.accept(world.members[i]!))),
  member.map((i) => command(`a late ack of ${i}`, (world) => world.deliver(world.members[i]!))),
  fc.tuple(fc.nat(80), fc.boolean()).map(([i, all]) =>
    command(`a lie by ${i}`, (world) => {
      const kids = all ? world.keys.slice(-60).map(({ kid }) => kid) : [];
      world.tell(`liar-${i}`, JSON.stringify({ epoch: world.epoch, kids, pins: [], at: 0 }));
    }),
  ),
];

describe('the life of signing keys', () => {
  it('keeps its rules whatever happens, in whatever order', () => {
    const commands = fc.array(
      fc.oneof(
        { weight: 5, arbitrary: fc.oneof(...auth) },
        { weight: 1, arbitrary: fc.oneof(...operator) },
        { weight: 4, arbitrary: fc.oneof(...world) },
      ),
      { maxLength: 150, size: 'max' },
    );
    fc.assert(
      fc.property(commands, (run) => {
        const made = new World();
        for (const each of run) {
          each(made);
          made.check();
        }
      }),
      { numRuns: 300 },
    );
    // Chance alone seldom lets a key grow old in peace.
    const quiet = new World();
    quiet.clock.advance(1.2 * SCHEDULE.rotationSeconds * 1000);
    for (const each of [() => quiet.reissue(), () => quiet.rotateWhenDue(), () => quiet.advance(false)]) {
      each();
      quiet.check();
    }
    // All of it was put to the test.
    const wanted = [...LEGAL, 'acknowledged', 'expired', 'emergency', 'scheduled'];
    expect(wanted.filter((what) => !seen[what])).toEqual([]);
  });

  it('bounds the published keys: beyond them rotation is refused, until keys retire', () => {
    const made = new World();
    const rotateOnce = () => {
      made.request(undefined);
      made.advance(true);
      made.completeKeys();
      made.check();
    };
    for (let i = 0; i < 100; i += 1) rotateOnce();
    expect(isFull(made.keys)).toBe(true);
    expect(seen['too_many_keys']).toBeGreaterThan(0);
    // An emergency still finds room.
    made.revoke(
      made.keys.findIndex(({ status }) => status === 'active'),
      true,
    );
    made.check();
    made.clock.advance((TOKEN_SECONDS + SKEW_SECONDS) * 1000);
    made.reissue();
    expect(made.keys.filter(isPublished)).toHaveLength(0);
    made.completeKeys();
    made.advance(false);
    rotateOnce();
    expect(activeKey(made.keys)).toBeDefined();
  });
});
