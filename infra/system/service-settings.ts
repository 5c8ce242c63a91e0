import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SettingsDefinition } from '#service-kit/base';
import { projectRoot } from '../project.js';
import { camelName } from './service-names.js';

/** The settings of a service, from its config.ts. It is imported by path from the build: infra must not import an app. */
export async function settingsOf(service: string): Promise<SettingsDefinition> {
  const file = join(projectRoot, 'dist/apps', service, 'src/config.js');
  const exported = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  return exported[`${camelName(service)}Settings`] as SettingsDefinition;
}
