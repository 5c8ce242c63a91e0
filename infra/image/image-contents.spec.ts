import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { imageContents } from './image-contents.js';

const manifest = {
  imports: { '#lib': './dist/libs/lib/index.js' },
  dependencies: { '@scope/direct': '1', direct: '1', driver: '1', unused: '1' },
};
const lock = {
  'node_modules/direct': { peerDependencies: { driver: '*', 'not-ours': '*' } },
  'node_modules/unused': { peerDependencies: { direct: '*' } },
};

describe('imageContents', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'test-image-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const contentsOf = (files: Record<string, string>, ...programs: string[]) => {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    return imageContents(programs, { root, manifest, lock });
  };

  it('follows every way to import, through relative paths and aliases, and around a cycle', () => {
    const files = {
      'dist/apps/a/main.js': `import './effect.js'; export * from './again.js'; await import('./later.js');`,
      'dist/apps/a/effect.js': `import { lib } from '#lib';`,
      'dist/apps/a/again.js': `import './main.js';`,
      'dist/apps/a/later.js': '',
      'dist/apps/b/main.js': '',
      'dist/libs/lib/index.js': `export { deep } from './deep/deep.mjs';`,
      'dist/libs/lib/deep/deep.mjs': '',
      'dist/libs/lib/unused.js': '',
    };
    expect(contentsOf(files, 'dist/apps/a/main.js')).toEqual({
      files: [
        'dist/apps/a/again.js',
        'dist/apps/a/effect.js',
        'dist/apps/a/later.js',
        'dist/apps/a/main.js',
        'dist/libs/lib/deep/deep.mjs',
        'dist/libs/lib/index.js',
      ],
      packages: [],
    });
  });

  it('names the packages of all programs, without paths in them and without modules of Node', () => {
    const files = {
      'dist/main.js': `import '@scope/direct/deep/file.js'; import 'node:fs';`,
      'dist/other.js': `import 'driver/lib';`,
    };
    expect(contentsOf(files, 'dist/main.js', 'dist/other.js').packages).toEqual(['@scope/direct', 'driver']);
  });

  it('includes the peers of a package, if package.json depends on them', () => {
    expect(contentsOf({ 'dist/main.js': `import 'direct';` }, 'dist/main.js').packages).toEqual([
      'direct',
      'driver',
    ]);
  });

  it('refuses a package that is not among the production dependencies', () => {
    expect(() => contentsOf({ 'dist/main.js': `import 'jest/build';` }, 'dist/main.js')).toThrow(
      'jest: imported, but not in "dependencies" of package.json',
    );
  });

  it('refuses an import of a file that was not built', () => {
    expect(() => contentsOf({ 'dist/main.js': `import './gone.js';` }, 'dist/main.js')).toThrow(
      'dist/gone.js is not there',
    );
  });
});
