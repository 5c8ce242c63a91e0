/** What the image of each part holds. The spec assembles each part from the build. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { volumes } from '../compose/layout.js';
import { projectRoot, readManifest, readProjectFile, type Manifest } from '../project.js';
import { services } from '../system/services.js';

const run = promisify(execFile);
const parts = [...services.map(({ name }) => name), 'tools'];
const verifiers = services.filter(({ trust }) => trust === 'verifier').map(({ name }) => name);

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'test-image-'));
  for (const part of parts) await assemble(part, join(folder, part));
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(parts)('the image of %s', (part) => {
  it('holds built code with its source maps, two lists of packages, and nothing else', () => {
    const lists = ['package-lock.json', 'package.json'];
    const others = filesOf(part).filter((file) => !lists.includes(file));
    for (const file of others) expect(file).toMatch(/^dist\/(apps|libs|infra)\/.*\.m?js(\.map)?$/);
    expect(others.filter((file) => /spec\.|\/test\//.test(file))).toEqual([]);
  });

  it('needs production packages only, in the versions of the repository', () => {
    const { dependencies } = readManifest();
    const asked = manifestOf(part);
    expect(Object.keys(asked.dependencies)).not.toHaveLength(0);
    expect(dependencies).toMatchObject(asked.dependencies);
    expect(asked.devDependencies).toBeUndefined();
    expect(read(part, 'package-lock.json')).toBe(readProjectFile('package-lock.json'));
  });

  it('holds every library that its aliases name', () => {
    const files = filesOf(part).map((file) => `./${file}`);
    expect(files).toEqual(expect.arrayContaining(Object.values(manifestOf(part).imports)));
  });

  it('holds no private key', () => {
    const keys = filesOf(part).filter((file) =>
      /-----BEGIN [A-Z ]*PRIVATE KEY-----\s/.test(read(part, file)),
    );
    expect(keys).toEqual([]);
  });
});

describe.each(services)('the image of the service $name', ({ name, seed, trust }) => {
  it('starts its server by default, and holds its other programs', () => {
    expect(manifestOf(name).main).toBe(`dist/apps/${name}/src/main.js`);
    const programs = [
      'migrate',
      ...(seed === 'none' ? [] : ['seed']),
      ...(trust === 'issuer' ? ['keys-cli'] : []),
    ];
    const files = programs.map((program) => `dist/apps/${name}/src/${program}.js`);
    expect(filesOf(name)).toEqual(expect.arrayContaining(files));
  });

  it('holds no other app, no test server and nothing of infra', () => {
    const foreign = new RegExp(`^dist/(apps/(?!${name}/)|libs/testing/|infra/)`);
    expect(filesOf(name).filter((file) => foreign.test(file))).toEqual([]);
  });

  it('holds no folder of state', () => expect(readdirSync(join(folder, name, 'state'))).toEqual([]));
});

describe('a package that only auth uses', () => {
  // jose is in the others too: they decrypt with it (decision 0016).
  it.each(['@nestjs/jwt', '@node-rs/argon2', '@zxcvbn-ts/language-common', 'rate-limiter-flexible'])(
    '%s is in the image of auth only',
    (name) => {
      expect(manifestOf('auth').dependencies).toHaveProperty([name]);
      for (const part of [...verifiers, 'tools'])
        expect(manifestOf(part).dependencies).not.toHaveProperty([name]);
    },
  );
});

describe('the image of tools', () => {
  it('holds each program that docker-compose.yml runs in it', () => {
    const programs = readProjectFile('docker-compose.yml').match(/dist\/infra\/[\w/-]+\.js/g)!;
    expect(programs).toContain('dist/infra/compose/client-key.js');
    expect(filesOf('tools')).toEqual(expect.arrayContaining([...new Set(programs)]));
  });

  it('holds no app', () => {
    expect(filesOf('tools').filter((file) => file.startsWith('dist/apps/'))).toEqual([]);
  });

  it('has a folder for each volume, from which a new volume takes its owner', () => {
    const folders = volumes(services).map(({ path }) => join(folder, 'tools', path));
    expect(folders.filter((path) => !statSync(path).isDirectory())).toEqual([]);
  });
});

it('refuses a part that does not exist', async () => {
  await expect(assemble('no_part', join(folder, 'no_part'))).rejects.toThrow('Usage: assemble.js');
});

async function assemble(part: string, target: string): Promise<void> {
  await run(process.execPath, [join(projectRoot, 'dist/infra/image/assemble.js'), part, target]);
}

function filesOf(part: string): string[] {
  return readdirSync(join(folder, part), { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, part).length + 1))
    .sort();
}

function read(part: string, file: string): string {
  return readFileSync(join(folder, part, file), 'utf8');
}

function manifestOf(part: string): Manifest & { main: string } {
  return JSON.parse(read(part, 'package.json')) as Manifest & { main: string };
}
