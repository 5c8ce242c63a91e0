import { DataSource } from 'typeorm';
import { createLogger, dataSourceOptions, settingsOrExit } from '#service-kit';
import { SERVICE, storeSettings } from './config.js';
import { entities } from './database/index.js';
import { seedProducts } from './products/demo-products.js';

const settings = settingsOrExit(storeSettings);
const dataSource = await new DataSource(dataSourceOptions(settings, { entities })).initialize();
const products = await seedProducts(dataSource);
await dataSource.destroy();
createLogger({ service: SERVICE, level: 'info' }).info({ products }, 'seeded');
