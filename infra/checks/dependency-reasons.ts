import type { Check } from './check.js';
import { readManifest, readProjectFile, type Manifest } from '../project.js';

const page = 'docs/decisions/0002-dependencies.md';

/** Every package in package.json has a reason on one page, and the page names no other package. */
export const dependencyReasons: Check = {
  name: 'dependency-reasons',
  remedy: `Write a line for each package in ${page}: | \`name\` | reason |`,
  run: () => dependencyReasonFaults(readManifest(), readProjectFile(page)),
};

/** Compares package.json with the rows of the page's tables. */
export function dependencyReasonFaults(manifest: Partial<Manifest>, text: string): string[] {
  const { dependencies, devDependencies, overrides } = manifest;
  const asked = Object.keys({ ...dependencies, ...devDependencies, ...overrides });
  const rows = [...text.matchAll(/^\| *`([^`]+)` *\|(.*)\|\s*$/gm)];
  const reasons = new Map(rows.map(([, name = '', reason = '']) => [name, reason.trim()]));
  return [
    ...asked.filter((name) => !reasons.get(name)).map((name) => `${name} of package.json has no reason`),
    ...[...reasons.keys()]
      .filter((name) => !asked.includes(name))
      .map((name) => `${name} has a reason, but is not in package.json`),
  ];
}
