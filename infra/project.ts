/** What the repository says of itself: where it is, its package.json and its package-lock.json. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** package.json, as far as infra reads it. */
export interface Manifest {
  name: string;
  /** The name of the project in sentences. npm does not use it. */
  title: string;
  version: string;
  license: string;
  engines: { node: string };
  scripts: Record<string, string>;
  /** The `#aliases` of our libraries, each with its built file. */
  imports: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  overrides: Record<string, unknown>;
}

/** An entry of package-lock.json, as far as infra reads it. */
interface LockedPackage {
  version?: string;
  license?: string;
  /** True if only our development dependencies need it. */
  dev?: boolean;
  engines?: { node?: string };
  resolved?: string;
  integrity?: string;
  os?: string[];
  cpu?: string[];
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/** The `packages` of package-lock.json. The key is the folder of the package; the key of the repository itself is empty. */
export type LockedPackages = Record<string, LockedPackage>;

/** The root folder of the repository. It is found from a source file as well as from its build in `dist/`. */
export const projectRoot = rootAbove(dirname(fileURLToPath(import.meta.url)));

/** The `name` of package.json. It also names our folders outside of the repository, such as the download cache. */
export const packageName = readManifest().name;

/** The name of the folder that holds the state of `npm start`, for a `name` of package.json. */
export function stateFolderOf(name: string): string {
  return `.${name}`;
}

/** Reads package.json. */
export function readManifest(): Manifest {
  return JSON.parse(readProjectFile('package.json')) as Manifest;
}

/** Reads package-lock.json. */
export function readLock(): LockedPackages {
  return (JSON.parse(readProjectFile('package-lock.json')) as { packages: LockedPackages }).packages;
}

/** Reads a text file of the repository. */
export function readProjectFile(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}

/** The name of the package in this folder of node_modules, also where the folder is nested in another package. */
export function packageNameAt(folder: string): string {
  return folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

function rootAbove(directory: string): string {
  return existsSync(join(directory, 'package.json')) ? directory : rootAbove(dirname(directory));
}
