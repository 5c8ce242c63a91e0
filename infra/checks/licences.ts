import type { Check } from './check.js';
import { packageNameAt, readLock, type LockedPackages } from '../project.js';

/** What may be installed: free to use, change and pass on, with at most a notice to keep. SPDX identifiers. */
const allowed: Record<string, string> = {
  MIT: 'asks to keep the notice',
  ISC: 'MIT in fewer words',
  'BSD-2-Clause': 'asks to keep the notice',
  'BSD-3-Clause': 'the same, and no endorsement',
  'Apache-2.0': 'asks to keep the notice; grants patents',
  '0BSD': 'asks for nothing',
  'BlueOak-1.0.0': 'MIT in plain words, with a patent grant',
  Zlib: 'asks not to claim to have written it (pako, under autocannon, for the bench)',
  Unlicense: 'public domain (tweetnacl, under the NATS client)',
  'Python-2.0': 'permissive, of argparse, which is a port of a Python module (js-yaml, under jest)',
  'CC-BY-4.0': 'for data: the browser tables of caniuse-lite (under jest); asks for attribution',
};

/** Packages whose package.json names no licence where npm looks, and where it does stand. */
const found: Record<string, { licence: string; where: string }> = {
  limiter: {
    licence: 'MIT',
    where:
      'its LICENSE.txt, and the old `licenses` field of its package.json (under jwks-rsa, for the bench)',
  },
  'passport-strategy': {
    licence: 'MIT',
    where: 'its LICENSE, and the old `licenses` field of its package.json',
  },
  pause: { licence: 'MIT', where: 'the end of its Readme.md' },
};

/** Every installed package may be used, by the licence that package-lock.json gives. */
export const licences: Check = {
  name: 'licences',
  remedy: 'Do without the package, or say in infra/checks/licences.ts why its licence is acceptable.',
  run: () => licenceFaults(readLock()),
};

/** The packages whose licence is not on the list. */
export function licenceFaults(packages: LockedPackages): string[] {
  return Object.entries(packages)
    .filter(([folder]) => folder !== '')
    .flatMap(([folder, { version, license }]) => {
      const name = packageNameAt(folder);
      const licence = license ?? found[name]?.licence;
      if (licence === undefined) return [`${name}@${version} names no licence`];
      return isAllowed(licence) ? [] : [`${name}@${version} is under ${licence}, which is not on the list`];
    });
}

/** An SPDX expression of one level, as packages use it: of alternatives one must be allowed, of a sum each. */
function isAllowed(expression: string): boolean {
  const alternatives = expression.replace(/^\((.*)\)$/, '$1').split(' OR ');
  return alternatives.some((sum) => sum.split(' AND ').every((id) => Object.hasOwn(allowed, id)));
}
