import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageContents } from './contents.js';

/** A package that `npm publish` or `npm install` takes. Sizes are in bytes. */
export interface Tarball {
  readonly path: string;
  readonly packed: number;
  readonly unpacked: number;
}

/** Writes the package and its tarball into a folder, which it empties first. @throws Error */
export function writePackage(folder: string): Tarball {
  rmSync(folder, { recursive: true, force: true });
  const content = join(folder, 'content');
  for (const [path, text] of Object.entries(packageContents())) {
    mkdirSync(dirname(join(content, path)), { recursive: true });
    writeFileSync(join(content, path), text);
  }
  const { filename, size, unpackedSize } = pack(content, folder);
  return { path: join(folder, filename), packed: size, unpacked: unpackedSize };
}

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
}

function pack(content: string, folder: string): Packed {
  // If npm started us, we use the same npm.
  const npm = process.env['npm_execpath'];
  const [program, ...first] = npm === undefined ? ['npm'] : [process.execPath, npm];
  const args = [...first, 'pack', '--json', '--offline', '--pack-destination', folder];
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: content,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`npm pack failed:\n${stderr}`);
  const [packed] = JSON.parse(stdout) as [Packed];
  return packed;
}
