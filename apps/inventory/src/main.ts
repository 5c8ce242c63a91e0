import { runService } from '#service-kit';
import { inventorySettings, SERVICE } from './config.js';
import { inventoryProblems } from './errors.js';
import { InventoryModule } from './inventory.module.js';

await runService(InventoryModule.forRoot, {
  service: SERVICE,
  version: '0.1.0',
  settings: inventorySettings,
  problems: inventoryProblems,
});
