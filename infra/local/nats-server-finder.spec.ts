import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer, type NatsFinderOptions } from './nats-server-finder.js';

describe('finding nats-server', () => {
  let dir: string;
  let lines: string[];
  let options: NatsFinderOptions;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'test-finder-'));
    lines = [];
    options = {
      explicit: undefined,
      path: [join(dir, 'bin')],
      cacheDirs: [join(dir, 'cache')],
      log: (line) => lines.push(line),
    };
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** A program that is a shell script; scripts are our stand-ins for nats-server, apt-get, dpkg-deb and docker. */
  function program(path: string, script: string): string {
    const file = join(dir, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return file;
  }
  const version = (number: string) => `echo "nats-server: v${number}"`;

  it('takes the one that it is told, before any other', async () => {
    program('bin/nats-server', version('2.10.0'));
    const explicit = program('mine', version('2.15.1'));
    expect(await findNatsServer({ ...options, explicit })).toEqual({
      kind: 'binary',
      path: explicit,
      version: '2.15.1',
    });
  });

  it.each([
    ['missing', undefined],
    ['too old', '2.8.4'],
  ])('does not fall back when the one it is told is %s', async (_, number) => {
    program('bin/nats-server', version('2.10.0'));
    const explicit = number === undefined ? join(dir, 'nowhere') : program('mine', version(number));
    await expect(findNatsServer({ ...options, explicit })).rejects.toMatchObject({
      code: 'nats_server_unavailable',
      message: expect.stringContaining(`NATS_SERVER=${explicit} is not a nats-server >= 2.9`),
    });
  });

  it('takes the first on the PATH that is new enough, then the cached one', async () => {
    program('old/nats-server', version('1.4.1'));
    program('broken/nats-server', 'exit 1');
    const cached = program('cache/nats-server', version('2.9.10'));
    const path = ['old', 'broken', 'bin'].map((folder) => join(dir, folder));
    expect(await findNatsServer({ ...options, path })).toMatchObject({ path: cached });
    const onPath = program('bin/nats-server', version('3.0.0'));
    expect(await findNatsServer({ ...options, path })).toMatchObject({ path: onPath, version: '3.0.0' });
  });

  it('fetches the package into the cache, touching nothing else of the system', async () => {
    program(
      'bin/apt-get',
      `echo "$@" >> ${dir}/apt; case "$*" in *download*) touch nats-server_2.9.10_amd64.deb;; esac`,
    );
    program(
      'bin/dpkg-deb',
      `mkdir -p unpacked/usr/sbin; printf '#!/bin/sh\\n${version('2.9.10')}\\n' > unpacked/usr/sbin/nats-server; chmod +x unpacked/usr/sbin/nats-server`,
    );
    const found = await findNatsServer(options);
    expect(found).toEqual({ kind: 'binary', path: join(dir, 'cache/nats-server'), version: '2.9.10' });
    expect(readdirSync(join(dir, 'cache'))).toEqual(['nats-server']);
    const calls = readFileSync(join(dir, 'apt'), 'utf8').trim().split('\n');
    expect(calls).toHaveLength(2);
    for (const call of calls)
      expect(call).toMatch(new RegExp(`lists=${dir}/cache/.* Dir::Cache=${dir}/cache/`));
  });

  it('goes on to Docker when the download fails, and says why', async () => {
    program('bin/apt-get', 'echo "E: no network" >&2; exit 100');
    program('bin/dpkg-deb', 'exit 1');
    const docker = program('bin/docker', `echo "$@" >> ${dir}/docker`);
    expect(await findNatsServer(options)).toEqual({ kind: 'docker', docker, image: 'nats:2.15-alpine' });
    expect(lines).toContain('nats-server could not be fetched with apt-get: E: no network');
    expect(readFileSync(join(dir, 'docker'), 'utf8')).toContain('pull --quiet nats:2.15-alpine');
  });

  it('says in one line how to get it where there is no way', async () => {
    program('bin/docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
    const error: Error = await findNatsServer(options).then(
      () => Promise.reject(new Error('found one')),
      (reason: Error) => reason,
    );
    expect(error).toMatchObject({ code: 'nats_server_unavailable' });
    expect(error.message).toMatch(
      /^No nats-server >= 2\.9 was found\. Get it \(.*\), or name it: NATS_SERVER=/,
    );
    expect(error.message).not.toContain('\n');
    expect(existsSync(join(dir, 'cache/nats-server'))).toBe(false);
  });
});
