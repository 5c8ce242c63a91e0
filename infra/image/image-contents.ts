/**
 * What an image holds: the built files that its programs reach by imports, and the third-party packages that these
 * reach. So the image of orders has no file of apps/auth and no package that only apps/auth needs.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { readLock, type LockedPackages } from '../checks/packages.js';
import { projectRoot } from '../project.js';

/** The files, relative to the project, and the names of packages of package.json. */
export interface ImageContents {
  files: string[];
  packages: string[];
}

interface Manifest {
  imports: Record<string, string>;
  dependencies: Record<string, string>;
}

/** Follows the imports of built programs. @throws Error for an import that leads nowhere or to a dev dependency */
export function imageContents(programs: readonly string[], manifest: Manifest): ImageContents {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    if (!existsSync(join(projectRoot, file))) throw new Error(`${file} is not there`);
    files.add(file);
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('node:')) continue;
      const ours = ownFile(file, specifier, manifest.imports);
      if (ours !== undefined) visit(ours);
      else packages.add(packageOf(specifier));
    }
  };
  for (const program of programs) visit(program);
  const unknown = [...packages].filter((name) => manifest.dependencies[name] === undefined);
  if (unknown.length > 0)
    throw new Error(`not among the dependencies of package.json: ${unknown.join(', ')}`);
  const all = withPeers(packages, manifest, readLock());
  return { files: [...files].sort(), packages: [...all].sort() };
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(projectRoot, file), 'utf8');
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

function ownFile(file: string, specifier: string, aliases: Manifest['imports']): string | undefined {
  if (specifier.startsWith('.')) {
    return relative(projectRoot, resolve(projectRoot, dirname(file), specifier));
  }
  return aliases[specifier]?.replace(/^\.\//, '');
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Packages load their peers by themselves: TypeORM its driver, for one. Those that we depend on come along. */
function withPeers(
  direct: ReadonlySet<string>,
  { dependencies }: Manifest,
  lock: LockedPackages,
): Set<string> {
  const all = new Set(direct);
  for (const name of all) {
    const { peerDependencies = {} } = lock[`node_modules/${name}`] ?? {};
    for (const peer of Object.keys(peerDependencies)) if (dependencies[peer] !== undefined) all.add(peer);
  }
  return all;
}
