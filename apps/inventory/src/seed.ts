/** Adds the demo products if DEMO_DATA is true. It is safe to run again. */
import { DataSource } from 'typeorm';
import {
  createLogger,
  dataSourceOptions,
  defineSettings,
  seedSettings,
  settingsOrExit,
} from '#service-kit/base';
import { SERVICE } from './config.js';
import { entities } from './database/index.js';
import { seedProducts } from './products/demo-products.js';

const settings = settingsOrExit(defineSettings(seedSettings));
const dataSource = await new DataSource(dataSourceOptions(settings, { entities })).initialize();
const products = settings.demoData ? await seedProducts(dataSource) : [];
await dataSource.destroy();
createLogger({ service: SERVICE, level: 'info' }).info({ products }, 'seeded');
