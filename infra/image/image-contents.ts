/**
 * What an image holds: the built files that its programs import, directly or not, and the packages that these files
 * import. So the image of orders has no file of apps/auth, and no package that only apps/auth uses.
 *
 * `npm ci --omit=dev` cannot do this: there is one package.json for all apps, so it would give orders the packages with
 * which auth signs tokens.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import type { LockedPackages, Manifest } from '../project.js';

/** Files are paths below the root of the repository; packages are names in `dependencies` of package.json. */
interface ImageContents {
  files: string[];
  packages: string[];
}

/** The repository with its build. */
interface BuiltProject {
  root: string;
  manifest: Pick<Manifest, 'imports' | 'dependencies'>;
  lock: LockedPackages;
}

/**
 * Follows the imports of built programs, given as paths below the root.
 * @throws Error if an imported file is not there, or if an imported package is not in `dependencies`
 */
export function imageContents(programs: readonly string[], project: BuiltProject): ImageContents {
  const { root, manifest } = project;
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    if (!existsSync(join(root, file))) throw new Error(`${file} is not there`);
    files.add(file);
    for (const specifier of importsOf(join(root, file))) {
      if (specifier.startsWith('node:')) continue;
      const ours = specifier.startsWith('.')
        ? relative(root, resolve(root, dirname(file), specifier))
        : manifest.imports[specifier]?.replace(/^\.\//, '');
      if (ours !== undefined) visit(ours);
      else packages.add(packageOf(specifier));
    }
  };
  for (const program of programs) visit(program);
  const unknown = [...packages].filter((name) => manifest.dependencies[name] === undefined);
  if (unknown.length > 0)
    throw new Error(`${unknown.join(', ')}: imported, but not in "dependencies" of package.json`);
  return { files: [...files].sort(), packages: [...withPeers(packages, project)].sort() };
}

function importsOf(file: string): string[] {
  return ts
    .preProcessFile(readFileSync(file, 'utf8'), true, true)
    .importedFiles.map(({ fileName }) => fileName);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Adds the peers of the packages, if we depend on them. A package imports its peers itself, as TypeORM imports `pg`. */
function withPeers(direct: ReadonlySet<string>, { manifest, lock }: BuiltProject): Set<string> {
  const all = new Set(direct);
  for (const name of all) {
    const { peerDependencies = {} } = lock[`node_modules/${name}`] ?? {};
    for (const peer of Object.keys(peerDependencies))
      if (manifest.dependencies[peer] !== undefined) all.add(peer);
  }
  return all;
}
