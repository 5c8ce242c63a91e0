import { readFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root folder of the repository, found from a source file as well as from its build in `dist/`. */
export const projectRoot = rootAbove(dirname(fileURLToPath(import.meta.url)));

/** The `name` of package.json; it names folders outside the project, such as the download cache. */
export const packageName = (
  JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { name: string }
).name;

function rootAbove(directory: string): string {
  return existsSync(join(directory, 'package.json')) ? directory : rootAbove(dirname(directory));
}
