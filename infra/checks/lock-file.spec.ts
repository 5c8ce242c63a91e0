import { describe, expect, it } from '@jest/globals';
import { engineFaults, lockFileFaults } from './lock-file.js';
import type { LockedPackages } from '../project.js';

const platforms = [
  ['linux', 'x64'],
  ['linux', 'arm64'],
  ['darwin', 'x64'],
  ['darwin', 'arm64'],
] as const;

/** A package with a native build for each platform. The builds in `without` are not in the lock file. */
function family({ without = [] as string[] } = {}): LockedPackages {
  const name = (os: string, cpu: string) => `native-${os}-${cpu}`;
  const builds = platforms.map(([os, cpu]) => ({ name: name(os, cpu), os: [os], cpu: [cpu] }));
  return {
    '': {},
    'node_modules/native': {
      version: '1.0.0',
      integrity: 'sha512-a',
      optionalDependencies: Object.fromEntries(builds.map((build) => [build.name, '1.0.0'])),
    },
    ...Object.fromEntries(
      builds
        .filter((build) => !without.includes(build.name))
        .map(({ name: build, os, cpu }) => [
          `node_modules/${build}`,
          { version: '1.0.0', integrity: 'sha512-b', os, cpu },
        ]),
    ),
  };
}

describe('lockFileFaults', () => {
  it('finds nothing if there is a build for every platform', () => {
    expect(lockFileFaults(family())).toEqual([]);
  });

  it('finds a build that npm has left out', () => {
    expect(lockFileFaults(family({ without: ['native-darwin-arm64'] }))).toEqual([
      'native@1.0.0 lacks its optional packages native-darwin-arm64',
      'native@1.0.0 has no build for darwin-arm64',
    ]);
  });

  it('finds a platform for which there is no build', () => {
    const packages = family({ without: ['native-linux-arm64'] });
    delete packages['node_modules/native']!.optionalDependencies!['native-linux-arm64'];
    expect(lockFileFaults(packages)).toEqual(['native@1.0.0 has no build for linux-arm64']);
  });

  it('also looks for optional packages in the folder of the package that needs them', () => {
    const packages = family({ without: ['native-linux-x64'] });
    packages['node_modules/native/node_modules/native-linux-x64'] = {
      version: '1.0.0',
      integrity: 'sha512-c',
      os: ['linux'],
      cpu: ['x64'],
    };
    expect(lockFileFaults(packages)).toEqual([]);
  });

  it('refuses the name of a registry, and a package without a digest', () => {
    const resolved = 'https://registry.example/b.tgz';
    const packages = { 'node_modules/@a/b': { version: '2.0.0', resolved } };
    expect(lockFileFaults(packages)).toEqual([
      `@a/b@2.0.0 names a registry ("resolved": "${resolved}")`,
      '@a/b@2.0.0 has no "integrity"',
    ]);
  });
});

describe('engineFaults', () => {
  const locked = (engines: object, dev = false): LockedPackages => ({
    '': { engines: { node: '>=20.19' } },
    'node_modules/a': { version: '1.0.0', dev, ...engines },
  });

  it.each([[{}], [{ engines: { node: '>=18' } }], [{ engines: { node: '^20.19.0 || >=22.12.0' } }]])(
    'finds nothing with %j',
    (engines) => expect(engineFaults(locked(engines))).toEqual([]),
  );

  it.each(['>=22', '^20.20.0 || >=22', '>= 22.x'])(
    'finds a production package that needs Node %s',
    (node) => {
      expect(engineFaults(locked({ engines: { node } }))).toEqual([
        `a@1.0.0 needs Node ${node}, and we support 20.19.0`,
      ]);
    },
  );

  it('accepts a dev package that needs a newer Node', () => {
    expect(engineFaults(locked({ engines: { node: '>=22' } }, true))).toEqual([]);
  });
});
