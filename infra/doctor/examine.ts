/** Makes a deployment from environments: each service's own settings read its variables, and the files are looked at. */
import { defineSettings, describeSettings, readSettings, type SettingsDefinition } from '#service-kit/base';
import { settingsOf } from '../system/service-settings.js';
import type { ServiceRow } from '../system/services.js';
import type { Environment, Environments } from './environments.js';
import { keyFiles, namesKeyFiles } from './key-file.js';
import type { ExaminedService } from './rule.js';

/** Examines the services of the table whose environment is known. */
export async function examine(
  rows: readonly ServiceRow[],
  { services: known, replicas, filesAreHere }: Environments,
): Promise<ExaminedService[]> {
  const found = rows.filter(({ name }) => known[name] !== undefined);
  return Promise.all(
    found.map(async ({ name, trust, calls }) => {
      const environment = known[name]!;
      const settings = await settingsOf(name);
      const definition = filesAreHere ? settings : withoutFiles(settings);
      return {
        name,
        trust,
        calls,
        environment,
        ...judged(definition, environment),
        files: filesAreHere ? filesOf(definition, environment) : [],
        replicas: replicas[name] ?? 1,
      };
    }),
  );
}

/** Reads the settings as production does, whatever NODE_ENV says. */
function judged(definition: SettingsDefinition, environment: Environment) {
  const { values, faults } = readSettings(definition, { ...environment, NODE_ENV: 'production' });
  const byField = values as Readonly<Record<string, unknown>>;
  const byVariable = describeSettings(definition).map(({ field, env }) => [env, byField[field]]);
  return { values: Object.fromEntries(byVariable) as Record<string, unknown>, faults };
}

/** Rules about several settings read files as well, so they are left out with them. */
function withoutFiles(definition: SettingsDefinition): SettingsDefinition {
  const keyFields = fileSettings(definition).map(({ field }) => field);
  const others = Object.entries(definition.fields).filter(([field]) => !keyFields.includes(field));
  return defineSettings(Object.fromEntries(others));
}

function filesOf(definition: SettingsDefinition, environment: Environment) {
  return fileSettings(definition).flatMap(({ env }) => keyFiles(env, environment[env] ?? ''));
}

function fileSettings(definition: SettingsDefinition) {
  return describeSettings(definition).filter(({ env }) => namesKeyFiles(env));
}
