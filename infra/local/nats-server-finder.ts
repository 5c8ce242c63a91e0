/**
 * Finds a nats-server >= 2.9. It looks in this order:
 *
 * 1. the path in NATS_SERVER
 * 2. the PATH and the usual folders
 * 3. our download cache
 * 4. `apt-get download`, into private folders: this needs no root and does not change the system
 * 5. Docker
 */
import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir, platform } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { packageName, projectRoot } from '../project.js';
import { SetupError } from '../system/setup-error.js';

/** How to run nats-server on this machine. */
export type NatsProgram =
  { kind: 'binary'; path: string; version: string } | { kind: 'docker'; docker: string; image: string };

/** Where to look. `path` is searched for nats-server, apt-get, dpkg-deb and docker. Tests give narrow options. */
export interface NatsFinderOptions {
  explicit?: string | undefined;
  path: string[];
  cacheDirs: string[];
  log: (line: string) => void;
}

const run = promisify(execFile);
const image = 'nats:2.15-alpine';
const oldest: readonly [number, number] = [2, 9];
const downloadTimeoutMs = 120_000;

/** Finds a nats-server. @throws SetupError `nats_server_unavailable`, with one line that says how to get it. */
export async function findNatsServer(options: NatsFinderOptions = defaultPlaces()): Promise<NatsProgram> {
  const { explicit, path, cacheDirs, log } = options;
  if (explicit) {
    const version = await usableVersion(explicit);
    if (version) return { kind: 'binary', path: explicit, version };
    throw unavailable(`NATS_SERVER=${explicit} is not a nats-server >= ${oldest.join('.')}`);
  }
  for (const folder of [...path, ...cacheDirs]) {
    const candidate = join(folder, 'nats-server');
    const version = isExecutable(candidate) ? await usableVersion(candidate) : undefined;
    if (version) return { kind: 'binary', path: candidate, version };
  }
  return (await downloadWithApt(path, cacheDirs, log)) ?? (await dockerImage(path, log)) ?? giveUp();
}

function defaultPlaces(): NatsFinderOptions {
  const usual = ['/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin', join(homedir(), 'go/bin')];
  return {
    explicit: process.env['NATS_SERVER'],
    path: [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), ...usual],
    cacheDirs: [
      join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), packageName),
      join(projectRoot, '.signet/cache'), // if the home folder cannot be written
    ],
    log: console.log,
  };
}

/** The version of the program, if it runs and is new enough. */
async function usableVersion(program: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(program, ['--version'], { timeout: 10_000 });
    const [version = '', major, minor] = /(\d+)\.(\d+)\.\d+/.exec(stdout) ?? [];
    const newEnough =
      Number(major) > oldest[0] || (Number(major) === oldest[0] && Number(minor) >= oldest[1]);
    return newEnough ? version : undefined;
  } catch {
    return undefined;
  }
}

async function downloadWithApt(
  path: string[],
  cacheDirs: string[],
  log: (line: string) => void,
): Promise<NatsProgram | undefined> {
  const apt = findIn(path, 'apt-get');
  const unpack = findIn(path, 'dpkg-deb');
  const cacheDir = cacheDirs.find(isCreatable);
  if (!apt || !unpack || !cacheDir) return undefined;
  log('downloading nats-server (apt-get download, into a private folder)');
  const work = mkdtempSync(join(cacheDir, 'download-'));
  try {
    for (const folder of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(work, folder), { recursive: true });
    const options = [
      ...['-o', `Dir::State::lists=${work}/lists`, '-o', `Dir::Cache=${work}/cache`],
      ...['-o', 'APT::Sandbox::User=', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20'],
    ];
    const limits = { cwd: work, timeout: downloadTimeoutMs };
    await run(apt, [...options, 'update'], limits);
    await run(apt, [...options, 'download', 'nats-server'], limits);
    const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
    if (archive === undefined) return undefined;
    await run(unpack, ['-x', archive, 'unpacked'], limits);
    const unpacked = join(work, 'unpacked/usr/sbin/nats-server');
    const version = await usableVersion(unpacked);
    if (version === undefined) return undefined;
    // Copy, then rename: another process may be looking for it right now, and must never find half a file.
    copyFileSync(unpacked, join(work, 'nats-server'));
    renameSync(join(work, 'nats-server'), join(cacheDir, 'nats-server'));
    return { kind: 'binary', path: join(cacheDir, 'nats-server'), version };
  } catch (error) {
    log(`apt-get could not download nats-server: ${firstLine(error)}`);
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function dockerImage(path: string[], log: (line: string) => void): Promise<NatsProgram | undefined> {
  const docker = findIn(path, 'docker');
  if (!docker) return undefined;
  try {
    await run(docker, ['version', '--format', '{{.Server.Version}}'], { timeout: 10_000 });
    log(`using the container image ${image}`);
    await run(docker, ['pull', '--quiet', image], { timeout: downloadTimeoutMs });
    return { kind: 'docker', docker, image };
  } catch (error) {
    log(`Docker cannot provide nats-server: ${firstLine(error)}`);
    return undefined;
  }
}

function giveUp(): never {
  const advice =
    platform() === 'darwin'
      ? 'brew install nats-server'
      : 'apt-get install nats-server, or take it from https://github.com/nats-io/nats-server/releases';
  throw unavailable(`There is no nats-server >= ${oldest.join('.')} here. Install it (${advice})`);
}

function unavailable(reason: string): SetupError {
  return new SetupError(
    'nats_server_unavailable',
    `${reason}, or give its path: NATS_SERVER=/path/to/nats-server npm start`,
  );
}

function findIn(path: string[], program: string): string | undefined {
  return path.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isCreatable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function firstLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr?.trim() || message).split('\n')[0] ?? '';
}
