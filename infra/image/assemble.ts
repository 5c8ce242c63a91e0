/**
 * `node dist/infra/image/assemble.js PART FOLDER`, which the Dockerfile runs: puts into the folder what the image of a
 * part holds, without its packages. A part is a service, or `tools`: the one-shot programs and the tour.
 *
 *   package.json       lists exactly the packages that the part uses; package-lock.json beside it fixes their versions
 *   dist/              exactly the built files that the part uses
 *   state/             for tools: the empty folders from which new volumes take their owner
 */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stateDir, volumes } from '../compose/layout.js';
import { projectRoot, readLock, readManifest } from '../project.js';
import { services } from '../system/services.js';
import { imageContents } from './image-contents.js';

const [part = '', folder = ''] = process.argv.slice(2);
const programs = programsOf(part);
if (programs.length === 0 || folder === '') throw new Error('Usage: assemble.js <service>|tools FOLDER');

const manifest = readManifest();
const { files, packages } = imageContents(programs, { root: projectRoot, manifest, lock: readLock() });
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
copyFileSync(join(projectRoot, 'package-lock.json'), join(folder, 'package-lock.json'));
mkdirSync(join(folder, 'state'), { recursive: true });
if (part === 'tools') {
  for (const { path } of volumes(services)) {
    mkdirSync(join(folder, 'state', path.slice(stateDir.length)), { recursive: true, mode: 0o700 });
  }
}
console.log(`${part}: ${files.length} files, ${packages.length} packages`);

/** The built programs of a part; the image starts the first one by default. */
function programsOf(name: string): string[] {
  if (name === 'tools') {
    const oneShots = ['setup', 'provision-databases', 'credentials', 'successor', 'client-key'];
    return [...oneShots.map((program) => `dist/infra/compose/${program}.js`), 'dist/infra/tour/tour.js'];
  }
  return ['main', 'migrate', 'seed', 'keys-cli']
    .map((program) => `dist/apps/${name}/src/${program}.js`)
    .filter((program) => existsSync(join(projectRoot, program)));
}
