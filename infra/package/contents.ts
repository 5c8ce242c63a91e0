/**
 * What the package of the verifier holds: the code of three libraries as the system runs it, the issuer for tests, their
 * declarations, and a manifest that follows from this code and from package.json. Nothing is written here.
 */
import { join } from 'node:path';
import ts from 'typescript';
import { readManifest, readProjectFile, type Manifest } from '../project.js';
import { compileLibraries, entryPoints } from './compile.js';

const readme = 'libs/trust/README.md';
const optional = /^\.\/(?:nest|nats)/;

/** Where a built file of one of the libraries is in the package. */
const inPackage = (path: string) => path.replace(/^(?:\.\/)?dist\/libs\/([^/]+)\/src\//, './lib/$1/');

/** The name of the package, which follows from the name of the project. */
export function verifierName({ name }: Pick<Manifest, 'name'> = readManifest()): string {
  return `${name}-verifier`;
}

/** The texts of all files of the package, by their path in it. @throws Error */
export function packageContents(): Record<string, string> {
  const code = Object.fromEntries(
    Object.entries(compileLibraries()).map(([path, text]) => [inPackage(path).slice(2), text]),
  );
  return {
    ...code,
    'package.json': `${JSON.stringify(packageManifest(code), null, 2)}\n`,
    'README.md': withoutLinks(readProjectFile(readme)),
    LICENSE: readProjectFile('LICENSE'),
  };
}

function packageManifest(code: Record<string, string>) {
  const { version, title, license, engines, imports, dependencies } = readManifest();
  const { needed, others } = importedPackages(code);
  const ranges = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, rangeOf(name, dependencies)]));
  return {
    name: verifierName(),
    version,
    description: `Verifies access tokens of ${title} with public keys only.`,
    license,
    type: 'module',
    engines,
    sideEffects: false,
    files: ['lib'],
    exports: Object.fromEntries(
      Object.entries(entryPoints).map(([entry, source]) => {
        const path = inPackage(`dist/${source}`).replace(/\.ts$/, '');
        return [entry, { types: `${path}.d.ts`, default: `${path}.js` }];
      }),
    ),
    imports: Object.fromEntries(
      Object.entries(imports)
        .map(([alias, path]) => [alias, inPackage(path)] as const)
        .filter(([, path]) => path.slice(2) in code),
    ),
    dependencies: ranges(needed),
    peerDependencies: ranges(others),
    peerDependenciesMeta: Object.fromEntries(others.map((name) => [name, { optional: true }])),
  };
}

/** @throws Error */
function rangeOf(name: string, dependencies: Manifest['dependencies']): string {
  const range = dependencies[name];
  if (range === undefined) throw new Error(`${name} is imported, but not in "dependencies" of package.json`);
  return range;
}

/**
 * The packages that the code imports. `needed` by an entry point that is not optional when it runs; the others for NestJS,
 * or only for a type.
 */
function importedPackages(code: Record<string, string>): { needed: string[]; others: string[] } {
  const { imports } = readManifest();
  const needed = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const specifier of importsOf(code[file] ?? '')) {
      const alias = imports[specifier];
      if (alias !== undefined) visit(inPackage(alias).slice(2));
      else if (specifier.startsWith('.')) visit(join(file, '..', specifier));
      else needed.add(packageOf(specifier));
    }
  };
  for (const [entry, source] of Object.entries(entryPoints))
    if (!optional.test(entry)) visit(inPackage(`dist/${source}`).slice(2).replace(/\.ts$/, '.js'));
  const all = Object.values(code)
    .flatMap(importsOf)
    .filter((specifier) => !/^[.#]/.test(specifier))
    .map(packageOf);
  return { needed: [...needed].sort(), others: [...new Set(all)].filter((name) => !needed.has(name)).sort() };
}

/** What a module imports, without the modules of Node. */
function importsOf(text: string): string[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => !name.startsWith('node:'));
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** The README for a place where the rest of the repository is not: a link to a file becomes its text. */
function withoutLinks(page: string): string {
  return page.replace(/\[([^\]]+)\]\(\.[^)]*\)/g, '$1');
}
