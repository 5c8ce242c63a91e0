import { runService } from '#service-kit';
import { ordersSettings, SERVICE } from './config.js';
import { ordersProblems } from './errors.js';
import { OrdersModule } from './orders.module.js';

await runService(OrdersModule.forRoot, {
  service: SERVICE,
  version: '0.1.0',
  settings: ordersSettings,
  problems: ordersProblems,
});
