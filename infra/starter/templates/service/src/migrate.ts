import { createLogger, dataSourceOptions, runMigrations, settingsOrExit } from '#service-kit/base';
import { SERVICE, storeSettings } from './config.js';
import { entities, migrations } from './database/index.js';

const settings = settingsOrExit(storeSettings);
const done = await runMigrations(dataSourceOptions(settings, { entities, migrations }));
createLogger({ service: SERVICE, level: 'info' }).info({ migrations: done }, 'migrated');
