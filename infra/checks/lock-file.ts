import { minVersion, subset } from 'semver';
import type { Check } from './check.js';
import { packageNameAt, readLock, type LockedPackages } from '../project.js';

const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/**
 * The lock file works on every machine: it has native builds for every platform that we support, its packages run on the
 * oldest Node that we support, and it names no registry.
 */
export const lockFile: Check = {
  name: 'lock-file',
  remedy:
    'In dependencies or overrides, name a version that has a build for every platform and runs on the oldest Node.',
  run: () => [...lockFileFaults(readLock()), ...engineFaults(readLock())],
};

/** Finds production packages that do not run on the oldest Node of our `engines`. Dev packages may need a newer Node. */
export function engineFaults(packages: LockedPackages): string[] {
  const ours = packages['']?.engines?.node ?? '*';
  const oldest = minVersion(ours)?.version ?? '0.0.0';
  return Object.entries(packages)
    .filter(([folder, { dev }]) => folder !== '' && dev !== true)
    .filter(([, { engines }]) => engines?.node !== undefined && !subset(oldest, engines.node))
    .map(
      ([folder, { version, engines }]) =>
        `${packageNameAt(folder)}@${version} needs Node ${engines?.node}, and we support ${oldest}`,
    );
}

/** Finds what would make an installation differ between platforms or registries. */
export function lockFileFaults(packages: LockedPackages): string[] {
  const installed = Object.entries(packages).filter(([folder]) => folder !== '');
  return installed.flatMap(([folder, { version, resolved, integrity, optionalDependencies = {} }]) => {
    const name = `${packageNameAt(folder)}@${version}`;
    const faults: string[] = [];
    if (resolved !== undefined) faults.push(`${name} names a registry ("resolved": "${resolved}")`);
    if (integrity === undefined) faults.push(`${name} has no "integrity"`);
    const optional = Object.keys(optionalDependencies);
    // If the registry does not have an optional package, npm leaves it out without a warning.
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

/** The package that Node finds from this folder: the nearest one upwards. */
function lookUp(packages: LockedPackages, folder: string, name: string): LockedPackages[string] | undefined {
  for (let at = folder; ; at = at.slice(0, Math.max(at.lastIndexOf('/node_modules/'), 0))) {
    const found = packages[at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`];
    if (found !== undefined || at === '') return found;
  }
}
