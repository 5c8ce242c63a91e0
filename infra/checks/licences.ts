import type { Check } from './check.js';
import { packageNameAt, readLock, type LockedPackages } from '../project.js';

/** The licences that we accept (SPDX identifiers): free to use, change and distribute, and at most a notice must stay. */
const allowed: Record<string, string> = {
  MIT: 'the notice must stay',
  ISC: 'as MIT, in fewer words',
  'BSD-2-Clause': 'the notice must stay',
  'BSD-3-Clause': 'the same; the names of the authors must not be used for advertising',
  'Apache-2.0': 'the notice must stay; includes patents',
  '0BSD': 'no condition',
  'BlueOak-1.0.0': 'as MIT, in plain words; includes patents',
  Zlib: 'nobody may claim to be the author (pako, a dependency of autocannon, for the bench)',
  Unlicense: 'public domain (tweetnacl, a dependency of the NATS client)',
  'Python-2.0': 'the notice must stay (argparse, a port of a Python module, a dependency of jest)',
  'CC-BY-4.0': 'for data, the source must be named (browser tables of caniuse-lite, a dependency of jest)',
};

/** Packages whose package.json has no `license` field, and the place where their licence is. */
const found: Record<string, { licence: string; where: string }> = {
  busboy: {
    licence: 'MIT',
    where:
      'its LICENSE, and the old `licenses` field of its package.json (a dependency of @nestjs/platform-express, for a spec)',
  },
  limiter: {
    licence: 'MIT',
    where:
      'its LICENSE.txt, and the old `licenses` field of its package.json (a dependency of jwks-rsa, for the bench)',
  },
  'passport-strategy': {
    licence: 'MIT',
    where: 'its LICENSE, and the old `licenses` field of its package.json',
  },
  streamsearch: { licence: 'MIT', where: 'its LICENSE, as with busboy, which needs it' },
  pause: { licence: 'MIT', where: 'the end of its Readme.md' },
};

/** The licence of every installed package, as package-lock.json gives it, is one that we accept. */
export const licences: Check = {
  name: 'licences',
  remedy: 'Remove the package, or write in infra/checks/licences.ts why its licence is acceptable.',
  run: () => licenceFaults(readLock()),
};

/** Finds the packages whose licence is not on the list. */
export function licenceFaults(packages: LockedPackages): string[] {
  return Object.entries(packages)
    .filter(([folder]) => folder !== '')
    .flatMap(([folder, { version, license }]) => {
      const name = packageNameAt(folder);
      const licence = license ?? found[name]?.licence;
      if (licence === undefined) return [`${name}@${version} has no licence`];
      return isAllowed(licence)
        ? []
        : [`${name}@${version} has the licence ${licence}, which is not on the list`];
    });
}

/** Reads a simple SPDX expression: with OR, one licence must be allowed; with AND, each licence must be allowed. */
function isAllowed(expression: string): boolean {
  const alternatives = expression.replace(/^\((.*)\)$/, '$1').split(' OR ');
  return alternatives.some((sum) => sum.split(' AND ').every((id) => Object.hasOwn(allowed, id)));
}
