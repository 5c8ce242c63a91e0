/** Tests one resource server: starts the issuer, waits for the target, sends all cases, measures. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '../../libs/testing/src/http-server.js';
import {
  createTestKey,
  startTestIssuer,
  type RunningTestIssuer,
  type TestKey,
} from '../../libs/testing/src/package.js';
import { SetupError } from '../system/setup-error.js';
import type { TargetOptions } from './arguments.js';
import type { Case, World } from './case.js';
import { claimCases, scopeCase } from './cases/claims.js';
import { formCases } from './cases/form.js';
import { headerCases } from './cases/header.js';
import { signatureCases } from './cases/signature.js';
import { goodCase, transportCases } from './cases/transport.js';
import {
  measureFlood,
  measureNewKey,
  measureRemovedKey,
  type Measurement,
  type Measuring,
} from './measure.js';
import { bearer, createSend, isAccepted, sendPatiently, type Seen, type Send } from './target.js';
import { expectedOf, judge, judgeChallenges, seenOf, type Result } from './verdict.js';

const READINESS_POLL_MS = 500;
const LATE_FETCH_MS = 3_000;

/** What came of a run. */
export interface TargetReport {
  readonly issuer: string;
  readonly results: readonly Result[];
  readonly measurements: readonly Measurement[];
}

/** @throws SetupError `port_in_use` · `not_ready`, with what to do */
export async function testTarget(
  options: TargetOptions,
  print: (line: string) => void,
): Promise<TargetReport> {
  const issuer = await startIssuer(options);
  const trap = await startTrap(issuer, options);
  try {
    await announce(issuer, options, print);
    const world = worldOf(issuer, trap, options);
    const send = createSend(options.target, options.timeoutMs);
    await waitUntilReady(world, send, options);
    const results = await runCases(world, { send: sendPatiently(send), options, trap });
    const measurements = await measure({ world, send, measureMs: options.measureMs }, options.flood);
    return { issuer: issuer.issuer, results, measurements };
  } finally {
    await Promise.all([issuer.close(), trap.close()]);
  }
}

/** @throws SetupError `port_in_use` */
async function startIssuer({ alg, host, port, issuerUrl }: TargetOptions): Promise<RunningTestIssuer> {
  try {
    return await startTestIssuer({ alg, host, port, ...(issuerUrl !== undefined && { url: issuerUrl }) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    const message = `Port ${port} is in use by another program. Choose another one: --port ${port + 1}`;
    throw new SetupError('port_in_use', message, { cause });
  }
}

/** The server of an attacker, which counts who fetches his key. */
interface Trap {
  readonly key: TestKey;
  readonly url: string;
  /** How often this URL below `url` was fetched. */
  readonly fetchesOf: (url: string) => number;
  readonly close: () => Promise<void>;
}

async function startTrap({ issuer }: RunningTestIssuer, { alg, host }: TargetOptions): Promise<Trap> {
  const key = createTestKey(alg);
  const fetches = new Map<string, number>();
  const server = await serve(
    ({ url = '' }, response) => {
      fetches.set(url, (fetches.get(url) ?? 0) + 1);
      response.end(JSON.stringify({ keys: [key.publicJwk] }));
    },
    { host },
  );
  // The target reaches it by the same name as the issuer.
  const url = new URL('/keys', server.url);
  url.hostname = new URL(issuer).hostname;
  const fetchesOf = (named: string) => fetches.get(new URL(named).pathname) ?? 0;
  return { key, url: url.href, fetchesOf, close: () => server.close() };
}

function worldOf(issuer: RunningTestIssuer, trap: Trap, { audience, scope }: TargetOptions): World {
  const usual = { aud: audience, scope };
  return {
    issuer,
    audience,
    token: (claims, signing) => issuer.token({ ...usual, ...claims }, signing),
    attacker: trap.key,
    attackerUrl: trap.url,
  };
}

async function announce(
  { issuer, jwksUrl, metadataUrl, keysetUrl, anchors }: RunningTestIssuer,
  { target, audience, alg, anchorFile, waitMs }: TargetOptions,
  print: (line: string) => void,
): Promise<void> {
  await mkdir(dirname(anchorFile), { recursive: true });
  await writeFile(anchorFile, anchors[0]!);
  print(`Configure the target with this issuer, for the audience ${audience} and the algorithm ${alg}:

  issuer      ${issuer}
  JWKS        ${jwksUrl}
  metadata    ${metadataUrl}
  statements  ${keysetUrl}, with the trust anchor in ${anchorFile}

Waiting at most ${waitMs / 1000} s until ${target.href} accepts a good token …`);
}

/** @throws SetupError `not_ready`, with the last answer */
async function waitUntilReady(world: World, send: Send, { target, waitMs }: TargetOptions): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const seen = await send(bearer(world.token()));
    if (isAccepted(seen)) return;
    if (performance.now() > deadline)
      throw new SetupError(
        'not_ready',
        `${target.href} never accepted a good token in ${waitMs / 1000} s. The last answer: ${explained(seen)}`,
      );
    await sleep(READINESS_POLL_MS);
  }
}

function explained(seen: Seen): string {
  if (seen.failure) return `none (${seen.message})`;
  const { status } = seen;
  if (status >= 300 && status < 400) return `${status}. Redirects are not followed: name the final URL`;
  if (status === 401) return `${status}. Check the issuer, the JWKS address, the audience and the algorithm`;
  if (status === 403) return `${status}. Check the scope: --scope`;
  return `${status}`;
}

function casesFor({ alg, scope }: TargetOptions): Case[] {
  const all = [
    goodCase('a good token'),
    ...formCases,
    ...signatureCases,
    ...headerCases,
    ...claimCases,
    ...(scope === undefined ? [] : [scopeCase]),
    ...transportCases,
    goodCase('a good token, after all others'),
  ];
  return all.filter(({ algs }) => algs?.includes(alg) ?? true);
}

async function runCases(
  world: World,
  { send, options, trap }: { send: Send; options: TargetOptions; trap: Trap },
): Promise<Result[]> {
  const tried: { readonly given: Case; readonly seen: Seen; readonly url: string }[] = [];
  for (const [n, given] of casesFor(options).entries()) {
    const url = `${trap.url}/${n}`;
    tried.push({ given, url, seen: await send(given.sent({ ...world, attackerUrl: url })) });
  }
  // A target can fetch a URL after it has answered.
  await sleep(LATE_FETCH_MS);
  const results = tried.map(({ given, seen, url }): Result => ({
    name: given.name,
    rfc: given.rfc,
    expected: expectedOf(given),
    seen: seenOf(seen),
    ...judge(given, seen, { rfc9068: options.rfc9068, fetched: trap.fetchesOf(url) }),
  }));
  return [...results, judgeChallenges(tried.map(({ seen }) => seen))];
}

async function measure(measuring: Measuring, flood: number): Promise<Measurement[]> {
  if (measuring.measureMs === 0) return [];
  const old = measuring.world.issuer.key;
  return [
    await measureNewKey(measuring),
    await measureFlood(measuring, flood),
    await measureRemovedKey(measuring, old),
  ];
}
