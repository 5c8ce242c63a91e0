import { minVersion, subset } from 'semver';
import type { Check } from './check.js';
import { packageNameAt, readLock, type LockedPackages } from '../project.js';

const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/**
 * One lock file installs everywhere: native builds for every platform that we support, packages that run on the oldest
 * Node that we support, and no registry by name.
 */
export const lockFile: Check = {
  name: 'lock-file',
  remedy:
    'Pin a version that has a build for every platform and allows the oldest Node, in dependencies or overrides.',
  run: () => [...lockFileFaults(readLock()), ...engineFaults(readLock())],
};

/** What runs in production and does not allow the oldest Node of our own `engines`. Tools may want a newer one. */
export function engineFaults(packages: LockedPackages): string[] {
  const ours = packages['']?.engines?.node ?? '*';
  const oldest = minVersion(ours)?.version ?? '0.0.0';
  return Object.entries(packages)
    .filter(([folder, { dev }]) => folder !== '' && dev !== true)
    .filter(([, { engines }]) => engines?.node !== undefined && !subset(oldest, engines.node))
    .map(
      ([folder, { version, engines }]) =>
        `${packageNameAt(folder)}@${version} asks for Node ${engines?.node}, and we support ${oldest}`,
    );
}

/** What keeps a lock file from installing the same on every platform and from every registry. */
export function lockFileFaults(packages: LockedPackages): string[] {
  const installed = Object.entries(packages).filter(([folder]) => folder !== '');
  return installed.flatMap(([folder, { version, resolved, integrity, optionalDependencies = {} }]) => {
    const name = `${packageNameAt(folder)}@${version}`;
    const faults: string[] = [];
    if (resolved !== undefined) faults.push(`${name} names its host ("resolved": "${resolved}")`);
    if (integrity === undefined) faults.push(`${name} has no "integrity"`);
    const optional = Object.keys(optionalDependencies);
    // npm leaves out, without a word, an optional package that the registry did not have.
    const locked = optional.filter((dependency) => lookUp(packages, folder, dependency) !== undefined);
    const absent = optional.filter((dependency) => !locked.includes(dependency));
    if (absent.length > 0) faults.push(`${name} lacks its optional packages ${absent.join(', ')}`);

    const builds = locked.map((dependency) => lookUp(packages, folder, dependency)!);
    if (builds.some(({ os, cpu }) => os !== undefined && cpu !== undefined)) {
      const covered = builds.flatMap(({ os = [], cpu = [] }) =>
        os.flatMap((o) => cpu.map((c) => `${o}-${c}`)),
      );
      const missing = platforms.filter((platform) => !covered.includes(platform));
      if (missing.length > 0) faults.push(`${name} has no build for ${missing.join(', ')}`);
    }
    return faults;
  });
}

/** The nearest one upwards, as Node finds it. */
function lookUp(packages: LockedPackages, folder: string, name: string): LockedPackages[string] | undefined {
  for (let at = folder; ; at = at.slice(0, Math.max(at.lastIndexOf('/node_modules/'), 0))) {
    const found = packages[at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`];
    if (found !== undefined || at === '') return found;
  }
}
