/**
 * `npm run bench:calls`: what a token adds to a call between two services. One process plays orders, with the client of
 * libs/service-kit; the callee is a process of its own. Each round makes the same number of calls in each way, and each
 * ratio is taken within one round. It writes the result into bench/RESULTS.md; `-- --quick` only prints.
 */
import { rmSync, mkdtempSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { ServiceClients, type Authority } from '#service-kit';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey, serve } from '#testing';
import { KeyRing } from '#trust';
import { Bearer, type Caller } from '#trust/nest';
import { circumstances } from '../circumstances.js';
import type { ServerFacts } from '../guard/protections.js';
import { ServerProcess } from '../guard/server-process.js';
import { writeMeasured } from '../results-file.js';
import { count, spreadOf, table } from '../summary.js';
// #region demo
import { measureExchanges } from './exchange.js';
// #endregion demo

const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;
const ROUNDS = quick ? 5 : 105;
const CALLS = quick ? 1_000 : 800;
const AT_ONCE = 16;
/** How many customers call. Each has a token of its own, and orders holds an exchanged token for each. */
const CUSTOMERS = 1_000;
const scope = 'orders:read';
const expect = { 200: z.object({ done: z.literal(true) }) };

const facts = circumstances(['@nestjs/core', 'fastify', 'lru-cache']);
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
const issuer = createTestIssuer();
const anchor = issuer.anchors[0]!;
const statement = issuer.statement();
const keyFile = join(folder, 'client-key.pem');
writeFileSync(keyFile, createTestKey().privateKey.export({ type: 'pkcs8', format: 'pem' }));
let exchanges = 0;
const auth = await serve((request, response) => {
  request.resume().on('end', () => {
    exchanges += 1;
    const answer = {
      access_token: issuer.token({ aud: 'inventory', scope, act: { sub: 'orders' } }),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 300,
      scope,
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
});
const callee = await ServerProcess.start('ours', {
  issuer: issuer.issuer,
  audience: 'inventory',
  alg: 'ES256',
  anchor,
  statement,
  jwk: issuer.key.publicJwk as ServerFacts['jwk'],
  postgres: { host: '', port: 0, user: '', password: '', database: '' },
  sessions: [],
});
try {
  const inventory = clientOf(callee.url);
  const customers = Array.from({ length: CUSTOMERS }, () => {
    const claims = issuer.claims({ iss: issuer.issuer });
    return new Bearer(issuer.token(claims), claims as unknown as Caller);
  });
  const call = (path: `/${string}`, authority?: Authority) =>
    inventory.call({
      path,
      expect,
      ...(authority && { authority }),
    });
  const ways = {
    'fetch of Node, no token, a public route': async () => {
      const response = await fetch(`${callee.url}/open`);
      await response.json();
    },
    'Signet, no token, a public route': () => call('/open'),
    'Signet, an exchanged token that is held, a route with scopes': (n: number) =>
      call('/work', { onBehalfOf: customers[n % CUSTOMERS]!, scope }),
  };
  const names = Object.keys(ways) as (keyof typeof ways)[];
  const measured = new Map(names.map((name) => [name, [] as { caller: number; callee: number }[]]));
  // Before the first round, each way is compiled, and each customer's token is exchanged.
  for (const name of names) await measure(ways[name]);
  const exchangedBefore = exchanges;
  for (let round = 0; round < ROUNDS; round += 1) {
    // Each way is the first one in a third of the rounds.
    const turn = names.map((_name, index) => names[(index + round) % names.length]!);
    for (const name of turn) measured.get(name)!.push(await measure(ways[name]));
    console.log(`round ${round + 1} of ${ROUNDS}`);
  }
  if (exchanges !== exchangedBefore)
    throw new Error('a token was exchanged again: the second rows are wrong');
  const text = [
    `Measured ${new Date().toISOString().slice(0, 10)}, ${ROUNDS} rounds of ${count(CALLS)} calls; load average at the end ${loadavg()[0]!.toFixed(2)}:`,
    facts,
    tableOf(measured, names[1]!),
    // #region demo
    await measureExchanges(quick ? 3 : 15, quick ? 20 : 300),
    // #endregion demo
  ].join('\n\n');
  console.log(text);
  if (!quick) writeMeasured('calls', text);
} finally {
  await callee.stop();
  await auth.close();
  rmSync(folder, { recursive: true });
}

function clientOf(baseUrl: string) {
  const ring = new KeyRing({ issuer: issuer.issuer, anchors: [readAnchor(anchor)] });
  ring.accept(statement, 'local');
  const settings = { issuer: issuer.issuer, issuerFetchUrl: auth.url, clientKeyFile: keyFile };
  const callees = { inventory: { baseUrl } };
  return new ServiceClients({ service: 'orders', settings, callees }, ring, new Registry()).to('inventory');
}

/** The CPU time of one call in both processes, in microseconds. */
async function measure(way: (n: number) => Promise<unknown>): Promise<{ caller: number; callee: number }> {
  const [own, other] = [process.cpuUsage(), await callee.cpuSeconds()];
  await pLimit(AT_ONCE).map(
    Array.from({ length: CALLS }, (_call, n) => n),
    way,
  );
  const { user, system } = process.cpuUsage(own);
  return { caller: (user + system) / CALLS, callee: (((await callee.cpuSeconds()) - other) * 1e6) / CALLS };
}

function tableOf<Name extends string>(
  measured: ReadonlyMap<Name, readonly { caller: number; callee: number }[]>,
  baseline: Name,
): string {
  const sum = ({ caller, callee }: { caller: number; callee: number }) => caller + callee;
  const base = measured.get(baseline)!.map(sum);
  const rows = [...measured].map(([name, rounds]) => {
    const middle = (of: (each: { caller: number; callee: number }) => number) =>
      `${spreadOf(rounds.map(of)).p50.toFixed(0)} µs`;
    const { p50, min, max } = spreadOf(rounds.map((each, round) => sum(each) / base[round]!));
    const ratio = name === baseline ? '1' : `${p50.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
    return [name, middle(({ caller }) => caller), middle(({ callee }) => callee), middle(sum), ratio];
  });
  return table(['a call', 'CPU of the caller', 'of the callee', 'both', 'ratio'], rows);
}
