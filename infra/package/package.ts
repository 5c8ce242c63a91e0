/** `npm run package`: makes the package of the verifier, in `dist/package`. */
import { join, relative } from 'node:path';
import { projectRoot } from '../project.js';
import { runCommand } from '../run-command.js';
import { writePackage } from './write-package.js';

await runCommand(async () => {
  const { path, packed, unpacked } = writePackage(join(projectRoot, 'dist/package'));
  console.log(`${relative('', path)}: ${kilobytes(packed)}, unpacked ${kilobytes(unpacked)}`);
});

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`;
}
