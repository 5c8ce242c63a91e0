/** Finds the apps that have a database: those with a src/database/index.ts. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../project.js';
import { services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';

/** The names of all apps with a database. */
export function appsWithDatabase(): string[] {
  return readdirSync(join(projectRoot, 'dist/apps'))
    .filter((app) => existsSync(built(app, 'database/index.js')))
    .sort();
}

/** Returns the name if it is an app with a database. @throws SetupError `bad_argument` */
export function requireAppWithDatabase(name: string | undefined, usage: string): string {
  const apps = appsWithDatabase();
  if (name !== undefined && apps.includes(name)) return name;
  const known = `Expected: ${apps.join(', ')}. Usage: ${usage}`;
  if (name === undefined) throw new SetupError('bad_argument', `The name of the app is missing. ${known}`);
  const isService = services.some((row) => row.name === name);
  throw new SetupError(
    'bad_argument',
    isService
      ? `apps/${name} has no src/database/index.ts. ${known}`
      : `There is no app named "${name}". ${known}`,
  );
}

/** The path of a built file of an app. */
export function built(app: string, file: string): string {
  return join(projectRoot, 'dist/apps', app, 'src', file);
}
