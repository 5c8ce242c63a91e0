/**
 * `npm run bench:conformance`: runs the conformance tests against small servers of several libraries. It writes the result into
 * docs/conformance.md. `-- --quick` only prints, and leaves the measurements out; `-- jose` tests one of them.
 */
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort, serve } from '#testing';
import type { TargetOptions } from '../../infra/conformance/arguments.js';
import { textReport } from '../../infra/conformance/report.js';
import { testTarget, type TargetReport } from '../../infra/conformance/test-target.js';
import { projectRoot } from '../../infra/project.js';
import { writeMeasured } from '../results-file.js';
import { peers, type Peer } from './peers.js';
import { resultsOf, type PeerResult } from './results.js';

const alg = 'RS256';
const audience = 'things';
const scratch = join(projectRoot, 'dist/conformance');

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const chosen = Object.entries(peers).filter(
  ([name]) => positionals.length === 0 || positionals.includes(name),
);
if (chosen.length === 0) throw new Error(`no such library. Expected: ${Object.keys(peers).join(', ')}`);

const results: PeerResult[] = [];
for (const [name, peer] of chosen) {
  const report = await testPeer(peer);
  console.log(`\n# ${name}\n\n${textReport({ title: name, ...report })}`);
  results.push({ name, packages: peer.packages, report });
}
if (!values.quick && positionals.length === 0)
  writeMeasured('conformance', resultsOf(results, { alg, at: new Date() }), 'docs/conformance.md');
// The libraries keep timers that would hold the program.
process.exit(0);

async function testPeer({ open }: Peer): Promise<TargetReport> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  let listener: RequestListener | undefined;
  const server = await serve((request, response) => {
    if (listener) listener(request, response);
    else response.writeHead(503).end();
  });
  const options: TargetOptions = {
    target: new URL(server.url),
    audience,
    alg,
    host: '127.0.0.1',
    port,
    rfc9068: false,
    anchorFile: join(scratch, 'peers-anchor.pem'),
    waitMs: 30_000,
    timeoutMs: 5_000,
    measureMs: values.quick ? 0 : 90_000,
    flood: 100,
  };
  // The issuer has written its anchor when it prints how to configure the target.
  const configure = async () => {
    const anchor = await readFile(options.anchorFile, 'utf8');
    listener = await open({ issuer, jwksUri: `${issuer}/.well-known/jwks.json`, audience, alg, anchor });
  };
  try {
    return await testTarget(options, () => void configure());
  } finally {
    await server.close();
  }
}
