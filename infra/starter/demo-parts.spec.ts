/** The list of what belongs to the demo agrees with the repository. It is itself on the list. */
import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, readProjectFile } from '../project.js';
import { services } from '../system/services.js';
import { demoPaths, demoServices, filesWithRegions, pagesWithCommands } from './demo-parts.js';
import { pagesAboutDemo, withName } from './eject-plan.js';

const folders = ['apps', 'bench', 'docs', 'infra', 'libs', 'scenarios'];
const texts = folders.flatMap((folder) =>
  readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|mjs|sh|md)$/.test(path))
    .map((path) => join(folder, path)),
);
const isDemo = (path: string) => demoPaths.some((part) => path === part || path.startsWith(`${part}/`));

describe('the parts of the demo', () => {
  it('exist, and their services are in the table', () => {
    expect(demoPaths.filter((path) => !existsSync(join(projectRoot, path)))).toEqual([]);
    expect(demoServices.filter((name) => !services.some((row) => row.name === name))).toEqual([]);
  });

  it('have a mark for each region outside of their own files', () => {
    const mark = '#region ' + 'demo';
    const marked = texts.filter((path) => readProjectFile(path).includes(mark));
    expect(marked.sort()).toEqual([...filesWithRegions].sort());
  });

  it('are not imported by files that stay', () => {
    const parts = /from '(\.[^']+)\.js'/g;
    const imported = texts
      .filter((path) => path.endsWith('.ts') && !isDemo(path) && !filesWithRegions.includes(path))
      .flatMap((path) =>
        [...readProjectFile(path).matchAll(parts)].map(([, to]) => `${join(path, '..', to!)}.ts`),
      );
    expect(imported.filter(isDemo)).toEqual([]);
  });
});

describe('the pages whose commands use orders', () => {
  it('are all scenarios that do, and the page about JWTs', () => {
    const pages = texts.filter((path) => /^scenarios\/[^/]+\/README\.md$/.test(path));
    const named = pages.filter((path) => withName(readProjectFile(path), 'things') !== readProjectFile(path));
    expect(['docs/jwt.md', ...named].sort()).toEqual([...pagesWithCommands].sort());
  });

  it('get the name of the new service', () => {
    const before =
      'login demo orders; curl localhost:3001/orders; cat secrets/orders/nats.nk _INBOX_orders; "orders:read orders:write"; reorders';
    expect(withName(before, 'gift-cards')).toBe(
      'login demo gift-cards; curl localhost:3001/entries; cat secrets/gift-cards/nats.nk _INBOX_gift-cards; "gift-cards:write"; reorders',
    );
  });

  it('are counted by their lines about the demo', () => {
    const plan = { created: {}, changed: { 'docs/jwt.md': 'orders\nand\ninventory, orders\n' }, removed: [] };
    expect(pagesAboutDemo(plan)).toContainEqual(['docs/jwt.md', 2]);
    const about = pagesAboutDemo(plan).map(([path]) => path);
    expect(about).toEqual(expect.arrayContaining(['README.md', 'scenarios/nats-down/README.md']));
  });
});
