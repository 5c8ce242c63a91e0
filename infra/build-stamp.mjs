/**
 * Tells whether `dist/` is the build of the present sources. The stamp of a build is a fingerprint of the sources, in
 * `dist/.sources`. Plain JavaScript, because bootstrap.mjs needs it before there is a build.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `npm run dev` claims this folder. Then only its compiler writes into `dist/`. */
export const developingFolder = '.developing';

const sourceFolders = ['apps', 'libs', 'infra', 'scenarios', 'bench'];

/** @param {string} root */
const stampFile = (root) => join(root, 'dist/.sources');

/**
 * True if no source has changed since the build was stamped.
 * @param {string} root the folder of the repository
 */
export function isBuilt(root) {
  const stamp = stampFile(root);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === sourceFingerprint(root);
}

/**
 * Stamps the build. Take the fingerprint before the sources are read. Then a source that changes in between is noticed.
 * @param {string} root
 * @param {string} fingerprint
 */
export function stampBuild(root, fingerprint) {
  writeFileSync(stampFile(root), fingerprint);
}

/**
 * A digest of the name, the size and the time of every source.
 * @param {string} root
 */
export function sourceFingerprint(root) {
  const sources = sourceFolders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => sourceFiles(root, folder));
  const hash = createHash('sha256');
  for (const file of [...sources, 'package.json', 'tsconfig.json', 'tsconfig.build.json'].sort()) {
    // A link that leads nowhere, such as the lock file of an editor, is no source.
    const found = statSync(join(root, file), { throwIfNoEntry: false });
    if (found) hash.update(`${file} ${found.size} ${found.mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * @param {string} root
 * @param {string} folder
 */
function sourceFiles(root, folder) {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /(?<!spec)\.(ts|mjs)$/.test(name)).map((name) => join(folder, name));
}
