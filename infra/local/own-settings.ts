import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { isGenerated } from '../system/environment.js';
import { projectRoot } from '../project.js';

/** Reads `.env`. Every service gets these settings, as it does in containers. Generated variables are left out. */
export function ownSettings(): Record<string, string> {
  const file = join(projectRoot, '.env');
  const all = existsSync(file) ? (parseEnv(readFileSync(file, 'utf8')) as Record<string, string>) : {};
  return Object.fromEntries(Object.entries(all).filter(([name]) => !isGenerated(name)));
}
