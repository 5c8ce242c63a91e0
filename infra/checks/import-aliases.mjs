// The `#alias` imports of package.json as dependency-cruiser must see them: as sources, not as their build in dist/.
// It takes aliases from a webpack configuration alone, so this is one.
import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const { imports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

const alias = Object.fromEntries(
  Object.entries(imports).map(([name, target]) => [
    `${name}$`,
    new URL(target.replace('./dist/', './').replace(/\.js$/, '.ts'), root).pathname,
  ]),
);

export default { resolve: { alias } };
