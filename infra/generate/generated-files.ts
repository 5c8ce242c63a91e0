import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { caddyfile } from '../compose/caddyfile.js';
import { composeFile, tlsComposeFile } from '../compose/compose-file.js';
import { goingLivePage } from '../doctor/checklist.js';
import { formatted } from '../formatted.js';
import { apiPage } from '../package/api-page.js';
import { projectRoot, readProjectFile } from '../project.js';
import { requireServiceTable } from '../system/service-table.js';
import { services } from '../system/services.js';
import { commandsPage } from './commands-page.js';
import { eventsReference } from './events-reference.js';
import { generatedPaths, type GeneratedPath } from './generated-paths.js';
import { launchConfigurations } from './launch-configurations.js';
import { configReference, environmentExample } from './settings-reference.js';
import { systemPicture } from './system-picture.js';

/** The generator of each file. */
const files: Readonly<Record<GeneratedPath, () => string | Promise<string>>> = {
  'docker-compose.yml': () => composeFile(services),
  'compose.tls.yml': () => tlsComposeFile(services),
  'infra/compose/Caddyfile': () => caddyfile(services, 'http'),
  'infra/compose/Caddyfile.tls': () => caddyfile(services, 'https'),
  'docs/commands.md': commandsPage,
  'docs/config.md': configReference,
  'docs/going-live.md': goingLivePage,
  'docs/package-api.md': apiPage,
  'docs/security-events.md': eventsReference,
  'docs/system.svg': () => systemPicture(services),
  '.env.example': environmentExample,
  '.vscode/launch.json': () => launchConfigurations(services),
};

/** Finds generated files that differ from what their generators make now. @throws SetupError `bad_service_table` */
export async function staleFiles(): Promise<string[]> {
  await requireServiceTable();
  const stale = await Promise.all(
    generatedPaths.map(async (path) => ((await render(path)) === readIfThere(path) ? [] : [path])),
  );
  return stale.flat();
}

/** Writes all generated files. @throws SetupError `bad_service_table` */
export async function writeGeneratedFiles(): Promise<void> {
  await requireServiceTable();
  for (const path of generatedPaths) {
    mkdirSync(dirname(join(projectRoot, path)), { recursive: true });
    writeFileSync(join(projectRoot, path), await render(path));
  }
}

async function render(path: GeneratedPath): Promise<string> {
  return formatted(path, await files[path]());
}

function readIfThere(path: string): string | undefined {
  try {
    return readProjectFile(path);
  } catch {
    return undefined;
  }
}
