import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../infra/project.js';

/**
 * Puts what was measured between the marks of that name in a page.
 *
 * @param page its path in the repository
 * @throws Error when the marks are not there
 */
export function writeMeasured(name: string, markdown: string, page = 'bench/RESULTS.md'): void {
  const file = join(projectRoot, page);
  const [begin, end] = [`<!-- ${name}: measured -->`, `<!-- ${name}: end -->`];
  const text = readFileSync(file, 'utf8');
  const [head, rest] = text.split(begin);
  const tail = rest?.split(end)[1];
  if (head === undefined || tail === undefined) throw new Error(`${file} has no ${begin} … ${end}`);
  writeFileSync(file, `${head}${begin}\n\n${markdown}\n\n${end}${tail}`);
}
