import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { isGenerated } from '../system/environment.js';
import { projectRoot } from '../project.js';

/** What `.env` says, for every service, as it is under Docker Compose. */
export function ownSettings(): Record<string, string> {
  const file = join(projectRoot, '.env');
  const all = existsSync(file) ? (parseEnv(readFileSync(file, 'utf8')) as Record<string, string>) : {};
  return Object.fromEntries(Object.entries(all).filter(([name]) => !isGenerated(name)));
}
