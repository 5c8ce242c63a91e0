/**
 * `node dist/infra/image/assemble.js PART FOLDER`, run while images are built: puts into the folder what the image of a
 * part holds, besides its packages. A part is a service, or `tools`: the one-shots and the tour.
 *
 *   package.json       with exactly the packages that the part reaches; package-lock.json beside it pins them
 *   dist/              exactly the files that it reaches
 *   state/             of tools: the empty folders from which the volumes take their owner
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readProjectFile } from '../checks/packages.js';
import { services } from '../system/services.js';
import { stateDir, volumes } from '../compose/layout.js';
import { projectRoot } from '../project.js';
import { imageContents } from './image-contents.js';

const [part = '', folder = ''] = process.argv.slice(2);
const tools = ['setup', 'provision-databases', 'credentials', 'successor'].map(
  (name) => `dist/infra/compose/${name}.js`,
);
const programs =
  part === 'tools'
    ? [...tools, 'dist/infra/tour/tour.js']
    : ['main', 'migrate', 'seed', 'keys-cli']
        .map((name) => `dist/apps/${part}/src/${name}.js`)
        .filter((program) => existsSync(join(projectRoot, program)));
if (programs.length === 0 || folder === '') throw new Error('Usage: assemble.js <service>|tools FOLDER');

const manifest = JSON.parse(readProjectFile('package.json')) as {
  name: string;
  version: string;
  imports: Record<string, string>;
  dependencies: Record<string, string>;
  overrides: Record<string, unknown>;
};
const { files, packages } = imageContents(programs, manifest);
for (const file of files.flatMap((path) => [path, `${path}.map`])) {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  copyFileSync(join(projectRoot, file), join(folder, file));
}
const { name, version, imports, dependencies, overrides } = manifest;
const only = {
  name,
  version,
  private: true,
  type: 'module',
  main: programs[0],
  imports: Object.fromEntries(
    Object.entries(imports).filter(([, file]) => files.includes(file.replace(/^\.\//, ''))),
  ),
  dependencies: Object.fromEntries(packages.map((each) => [each, dependencies[each]])),
  overrides,
};
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(only, null, 2)}\n`);
cpSync(join(projectRoot, 'package-lock.json'), join(folder, 'package-lock.json'));
mkdirSync(join(folder, 'state'));
if (part === 'tools') {
  for (const { path } of volumes(services)) {
    mkdirSync(join(folder, 'state', path.slice(stateDir.length)), { recursive: true, mode: 0o700 });
  }
}
console.log(`${part}: ${files.length} files, ${packages.length} packages`);
