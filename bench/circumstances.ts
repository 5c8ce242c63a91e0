import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../infra/project.js';

/** What the run is made on, and with which packages; to be asked before it begins, when the load is that of others. */
export function circumstances(packages: readonly string[]): string {
  const [processor] = cpus();
  const before = loadavg().map((load) => load.toFixed(2));
  const machine = `${cpus().length} × ${processor?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  return [
    `- ${machine}, ${platform()} ${arch()}; everything on it, over loopback`,
    `- Node ${process.versions.node}; ${packages.map((name) => `${name} ${versionOf(name)}`).join(', ')}`,
    `- load average before the run: ${before.join(', ')}`,
  ].join('\n');
}

/** The version of a package that is installed. */
export function versionOf(name: string): string {
  const manifest = readFileSync(join(projectRoot, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
