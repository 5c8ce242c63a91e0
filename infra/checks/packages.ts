import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../project.js';

/** What the checks read of an entry of package-lock.json. */
export interface LockedPackage {
  version?: string;
  license?: string;
  /** Only tools of ours need it. */
  dev?: boolean;
  engines?: { node?: string };
  resolved?: string;
  integrity?: string;
  os?: string[];
  cpu?: string[];
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/** The `packages` of package-lock.json: the root under the empty key, the others under their folder. */
export type LockedPackages = Record<string, LockedPackage>;

/** Reads package-lock.json. */
export function readLock(): LockedPackages {
  return (JSON.parse(readProjectFile('package-lock.json')) as { packages: LockedPackages }).packages;
}

/** Reads a text file of the project. */
export function readProjectFile(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}

/** The name of the package in this folder of node_modules, wherever it is nested. */
export function packageNameAt(folder: string): string {
  return folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
