import { expect, it } from '@jest/globals';
import { readProjectFile } from '../project.js';
import { ignoredBy } from './repository-files.js';

it('without git, what .gitignore names is left out, with either line end', () => {
  const isIgnored = ignoredBy('# made here\r\n/dist/\r\n\r\n.env\r\n');
  const paths = ['dist', '.env', 'apps/orders/.env', 'apps/dist', 'apps/env', 'dist2'];
  expect(paths.filter(isIgnored)).toEqual(['dist', '.env', 'apps/orders/.env']);
});

it('without git, our own .gitignore can be read, and hides no service', () => {
  const isIgnored = ignoredBy(readProjectFile('.gitignore'));
  expect(['node_modules', 'dist', '.env', '.signet'].filter(isIgnored)).toHaveLength(4);
  expect(['apps/dist', 'apps/coverage', 'apps/orders/src/coverage'].filter(isIgnored)).toEqual([]);
});

it.each(['*.bak', 'a/b', '/data-?', '!/kept', '/a[b]'])(
  'without git, the pattern %s is refused',
  (pattern) => {
    expect(() => ignoredBy(`/dist/\n${pattern}\n`)).toThrow(`It has: ${pattern}. Run \`git init\``);
  },
);
