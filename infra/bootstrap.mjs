/**
 * Runs first for every npm script. It is plain JavaScript without dependencies, because a fresh clone has no packages and
 * no build yet.
 *
 *   node infra/bootstrap.mjs prepare              install and build, if something is missing or out of date
 *   node infra/bootstrap.mjs start [options]      prepare, then run the system
 *   node infra/bootstrap.mjs dev [options]        prepare, then run the system and restart what changes
 *   node infra/bootstrap.mjs test [jest options]  prepare, then run the tests
 *   node infra/bootstrap.mjs test-starter [jest options]  prepare, then run the tests of the generators
 *   node infra/bootstrap.mjs reset                stop the running system and remove its state
 *   node infra/bootstrap.mjs run FILE [options]   prepare, then run a file in dist/
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { developingFolder, isBuilt, sourceFingerprint, stampBuild } from './build-stamp.mjs';
import { holderOf, tryClaim } from './claims.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...path) => join(root, ...path);
const oldestNode = [20, 19];

const [command, ...args] = process.argv.slice(2);
const commands = { prepare, start, dev, test, 'test-starter': testStarter, reset, run };

requireNode();
if (!Object.hasOwn(commands, command ?? '')) {
  fail(`Usage: node infra/bootstrap.mjs ${Object.keys(commands).join(' | ')}`);
}
await commands[command]();

async function start() {
  await prepare();
  await importBuilt('dist/infra/local/start.js', args);
}

async function dev() {
  await prepare();
  await importBuilt('dist/infra/dev/dev.js', args);
}

async function run() {
  const [file, ...rest] = args;
  if (file === undefined) fail('Usage: node infra/bootstrap.mjs run dist/path/to/file.js [options]');
  await prepare();
  await importBuilt(file, rest);
}

function test() {
  return runJest('jest.config.mjs');
}

function testStarter() {
  return runJest('jest.starter.config.mjs');
}

async function runJest(config) {
  await prepare();
  const options = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    `--import=${pathToFileURL(at('libs/testing/jest-worker-exit.mjs')).href}`,
  ];
  const env = {
    ...process.env,
    NODE_OPTIONS: [process.env.NODE_OPTIONS, ...options].filter(Boolean).join(' '),
  };
  const jest = [at('node_modules/jest/bin/jest.js'), '--config', at(config), '--maxWorkers=3', ...args];
  const child = spawn(process.execPath, jest, { cwd: root, env, stdio: 'inherit' });
  // The terminal sends Ctrl-C to jest as well. We wait until jest has stopped its servers.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise((done) => child.on('exit', (code) => done(code ?? 1)));
}

async function reset() {
  // An old build is good enough: reset must also work if the sources do not compile.
  const program = 'dist/infra/local/reset.js';
  if (!existsSync(at(program)) && holderOf(at('.preparing')) === undefined) restoreLastBuild();
  if (!existsSync(at(program))) await prepare();
  await importBuilt(program, args);
}

async function importBuilt(file, argv) {
  process.argv = [process.argv[0], resolve(root, file), ...argv];
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(resolve(root, file)).href);
}

async function prepare() {
  // While somebody develops, dist/ has what compiles. A build beside it would take away the files of running services.
  const isReady = () =>
    isBuilt(root) || (existsSync(at('dist')) && holderOf(at(developingFolder)) !== undefined);
  if (isInstalled() && isReady()) return;
  const release = await takeLock();
  try {
    if (!isInstalled()) await install();
    if (!isReady()) await build();
  } finally {
    release();
  }
}

// At the end, npm writes into node_modules/.package-lock.json what it has installed. Packages for other operating systems
// are only in package-lock.json.
function isInstalled() {
  const installed = readPackages('node_modules/.package-lock.json');
  if (installed === undefined) return false;
  return Object.entries(readPackages('package-lock.json') ?? {}).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed[path];
    return found === undefined ? wanted.optional === true : found.version === wanted.version;
  });
}

function readPackages(file) {
  return existsSync(at(file)) ? JSON.parse(readFileSync(at(file), 'utf8')).packages : undefined;
}

async function install() {
  // If npm started us, we use the same npm. The build needs the dev dependencies, also with NODE_ENV=production.
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const options = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  await step('Installing packages', [...npm, ...options]);
}

/** Builds into dist/. A build that fails leaves what was there before, so that `reset` still works. */
async function build() {
  const last = at('dist.last');
  restoreLastBuild(); // if a build was killed
  if (existsSync(at('dist'))) renameSync(at('dist'), last);
  process.on('exit', restoreLastBuild);
  const fingerprint = sourceFingerprint(root);
  await step('Building', [
    process.execPath,
    at('node_modules/typescript/bin/tsc'),
    '-p',
    'tsconfig.build.json',
  ]);
  stampBuild(root, fingerprint);
  rmSync(last, { recursive: true, force: true });
}

/** Puts back the build that another one did not replace. */
function restoreLastBuild() {
  if (!existsSync(at('dist.last'))) return;
  rmSync(at('dist'), { recursive: true, force: true });
  renameSync(at('dist.last'), at('dist'));
}

/** Runs one step and prints its title and its time. It prints the output of the step only if the step fails. */
async function step(title, [program, ...programArgs]) {
  const begun = Date.now();
  const child = spawn(program, programArgs, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const kill = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, kill);
  console.log(`${title} ...`);
  const code = await new Promise((done) => {
    child.on('error', (error) => done(error.message));
    child.on('close', (exitCode, signal) => done(exitCode ?? signal));
  });
  for (const signal of signals) process.off(signal, kill);
  if (code !== 0)
    fail(`${Buffer.concat(output)}\n${title} failed (${program} ${programArgs.join(' ')}: ${code}).`);
  console.log(`${title} took ${((Date.now() - begun) / 1000).toFixed(1)} s`);
}

/** Waits until no other process installs or builds here. */
async function takeLock() {
  let told = false;
  for (;;) {
    const claim = tryClaim(at('.preparing'));
    if (typeof claim === 'function') {
      process.on('exit', claim);
      return claim;
    }
    if (!told) console.log(`Process ${claim} is installing or building here. Waiting for it.`);
    told = true;
    await sleep(100 + Math.random() * 200);
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  fail(
    `Signet needs Node.js ${oldestNode.join('.')} or newer, and this is ${process.version}. The file .nvmrc names the recommended version.`,
  );
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
