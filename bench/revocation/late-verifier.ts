/**
 * A verifier that starts when there are many revocations. It is a process of its own, with the ring and the feed of
 * every service and without HTTP, so that nothing else takes memory or time. Started by `fork` with `--expose-gc`.
 */
import { monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAnchor } from '#statements';
import {
  createVerifyAccessToken,
  KeyRing,
  StatementFeed,
  type AccessTokenClaims,
  type TrustError,
} from '#trust';
import { connectNats } from '#trust/nats';
import { spreadOf } from '../summary.js';

/** What the parent says. */
export interface LateStart {
  readonly issuer: string;
  readonly fetchUrl: string;
  readonly natsUrl: string;
  readonly nkeySeed: string;
  readonly anchor: string;
  /** The service that it is an instance of. */
  readonly service: string;
  /** A good token for this service. */
  readonly token: string;
  readonly revocations: number;
}

/** What it answers. */
export interface LateFacts {
  /** From the start until the view was complete. */
  readonly completeMs: number;
  /** The CPU time of the process until then. */
  readonly cpuSeconds: number;
  /** From the first statement on: the longest time in which the event loop did not turn, and collection of garbage. */
  readonly longestSliceMs: number;
  /** The most CPU time from one turn to the next. What other processes take of the processor is not part of it. */
  readonly longestSliceCpuMs: number;
  readonly longestCollectionMs: number;
  /** What became of the good token, asked every few ms: by code of the refusal. */
  readonly verdictsBefore: Readonly<Record<string, number>>;
  readonly verdictAfter: string;
  readonly held: number;
  readonly bytes: number;
  /** CPU time of the check of claims that are new: with all revocations, and with none. */
  readonly checkMicroseconds: { readonly full: number; readonly empty: number };
}

const ROUNDS = 21;
const CHECKS = 10_000;
const ASK_EVERY_MS = 5;
const PATIENCE_MS = 120_000;

process.once('message', (start: LateStart) => {
  void run(start).then(
    (facts) => process.send!(facts),
    (error: Error) => process.send!({ error: error.message }),
  );
});
process.once('disconnect', () => process.exit(0));

async function run({ issuer, fetchUrl, natsUrl, nkeySeed, anchor, service, token, revocations }: LateStart) {
  const bytesBefore = bytesInUse();
  const ring = new KeyRing({ issuer, anchors: [readAnchor(anchor)] });
  const verify = createVerifyAccessToken({ ring });
  const judge = () => {
    try {
      verify(token, { audience: service });
      return 'accepted';
    } catch (error) {
      return (error as TrustError).code;
    }
  };
  const link = connectNats({ servers: natsUrl, nkeySeed, service });
  const feed = new StatementFeed({ ring, fetchUrl, nats: link });
  const started = process.cpuUsage();
  const verdictsBefore: Record<string, number> = {};
  const begun = performance.now();
  feed.start();
  // Until the first statement is here, the process only loads its programs.
  while (ring.facts().epoch === null) {
    if (performance.now() - begun > PATIENCE_MS) throw new Error('no statement');
    await sleep(1);
  }
  const watch = watchEventLoop();
  const isComplete = () => {
    const { missing, held } = ring.facts().revocations;
    return missing === 0 && held.sid >= revocations && ring.revocations.fault() === undefined;
  };
  while (!isComplete()) {
    if (performance.now() - begun > PATIENCE_MS) throw new Error(JSON.stringify(ring.facts().revocations));
    const verdict = judge();
    verdictsBefore[verdict] = (verdictsBefore[verdict] ?? 0) + 1;
    await sleep(ASK_EVERY_MS);
  }
  const completeMs = performance.now() - begun;
  const slices = watch.stop();
  const cpuSeconds = cpuMs(started) / 1000;
  await feed.stop();
  await link.close();
  const bytes = bytesInUse() - bytesBefore;
  const empty = new KeyRing({ issuer, anchors: [readAnchor(anchor)] });
  return {
    completeMs,
    cpuSeconds,
    ...slices,
    verdictsBefore,
    verdictAfter: judge(),
    held: ring.facts().revocations.held.sid,
    bytes,
    checkMicroseconds: { full: checkMicroseconds(ring), empty: checkMicroseconds(empty) },
  } satisfies LateFacts;
}

function watchEventLoop() {
  // Its values contain the millisecond between two looks.
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let longestCollectionMs = 0;
  let longestSliceCpuMs = 0;
  let last = process.cpuUsage();
  const turns = setInterval(() => {
    longestSliceCpuMs = Math.max(longestSliceCpuMs, cpuMs(last));
    last = process.cpuUsage();
  }, 1);
  const collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries())
      longestCollectionMs = Math.max(longestCollectionMs, duration);
  });
  collections.observe({ entryTypes: ['gc'] });
  delay.enable();
  return {
    stop() {
      delay.disable();
      clearInterval(turns);
      collections.disconnect();
      return { longestSliceMs: delay.max / 1e6, longestSliceCpuMs, longestCollectionMs };
    },
  };
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

function bytesInUse(): number {
  globalThis.gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The median over rounds. Each round has new claims, read from JSON as from a token, and none is revoked. */
function checkMicroseconds({ revocations }: KeyRing): number {
  const rounds = Array.from({ length: ROUNDS }, (_round, round) => {
    const fresh = Array.from({ length: CHECKS }, (_claims, index) => claimsOf(round * CHECKS + index));
    const begun = process.cpuUsage();
    for (const claims of fresh)
      if (revocations.revokes(claims)) throw new Error('a check found a revocation');
    return (cpuMs(begun) * 1000) / CHECKS;
  });
  return spreadOf(rounds).p50;
}

function claimsOf(n: number): AccessTokenClaims {
  const id = (kind: string) => `${kind}${n.toString(16).padStart(7, '0')}-4000-8000-8000-${'0'.repeat(12)}`;
  return JSON.parse(
    JSON.stringify({ jti: id('a'), sid: id('b'), client_id: 'web', sub: id('c'), iss: 'x', aud: 'orders' }),
  ) as AccessTokenClaims;
}
