import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { caddyfile } from '../compose/caddyfile.js';
import { composeFile, tlsComposeFile } from '../compose/compose-file.js';
import { projectRoot, readProjectFile } from '../project.js';
import { services } from '../system/services.js';
import { eventsReference } from './events-reference.js';
import { configReference, environmentExample } from './settings-reference.js';

/** The files that are made from code, each with its generator. */
const files: Readonly<Record<string, () => string | Promise<string>>> = {
  'docker-compose.yml': () => composeFile(services),
  'compose.tls.yml': () => tlsComposeFile(services),
  'infra/compose/Caddyfile': () => caddyfile(services, 'http'),
  'infra/compose/Caddyfile.tls': () => caddyfile(services, 'https'),
  'docs/config.md': configReference,
  'docs/security-events.md': eventsReference,
  '.env.example': environmentExample,
};

/** Finds generated files that differ from what their generators make now. */
export async function staleFiles(): Promise<string[]> {
  const stale = await Promise.all(
    Object.keys(files).map(async (path) => ((await render(path)) === readIfThere(path) ? [] : [path])),
  );
  return stale.flat();
}

/** Writes all generated files. */
export async function writeGeneratedFiles(): Promise<void> {
  for (const path of Object.keys(files)) {
    mkdirSync(dirname(join(projectRoot, path)), { recursive: true });
    writeFileSync(join(projectRoot, path), await render(path));
  }
}

/** Makes the text of a file. Prettier formats it, if it knows the language. */
async function render(path: string): Promise<string> {
  const text = await files[path]!();
  if (!/\.(yml|md)$/.test(path)) return text;
  const filepath = join(projectRoot, path);
  return format(text, { ...(await resolveConfig(filepath)), filepath });
}

function readIfThere(path: string): string | undefined {
  try {
    return readProjectFile(path);
  } catch {
    return undefined;
  }
}
