// Tells dependency-cruiser that the `#alias` imports of package.json are source files, not their build in dist/.
// dependency-cruiser reads aliases from a webpack configuration only, so this file has that form.
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
