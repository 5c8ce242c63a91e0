/**
 * The part of `#service-kit` that needs no NestJS: settings, logs, the database, errors. A program that serves nothing, such
 * as `migrate`, starts in a third of the time with it.
 */
export { dataSourceOptions, runMigrations, withMigrationLock } from './database.js';
export { isDatabaseUnavailable } from './database-errors.js';
export type { Logger } from './logging.js';
export { createLogger } from './logging.js';
export type { FieldError } from './service-error.js';
export { defineProblems, ServiceError } from './service-error.js';
export {
  baseUrl,
  callerSettings,
  databaseSettings,
  httpSettings,
  natsSettings,
  seedSettings,
  trustSettings,
  verifierSettings,
} from './setting-groups.js';
export { settingsOrExit } from './settings-or-exit.js';
export type { Settings, SettingsDefinition } from './settings.js';
export {
  defineSettings,
  describeSettings,
  listOf,
  loadSettings,
  readSettings,
  secretFile,
  secretFiles,
  setting,
  SettingsError,
} from './settings.js';
export { wholeNumber } from './whole-number.js';
