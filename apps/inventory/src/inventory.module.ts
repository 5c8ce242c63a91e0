import { Module, type DynamicModule } from '@nestjs/common';
import { ResourceServiceModule } from '#service-kit';
import { SERVICE, type InventorySettings } from './config.js';
import { entities } from './database/index.js';
import { ProductsController } from './products/products.controller.js';
import { ProductsService } from './products/products.service.js';
import { ReservationsController } from './reservations/reservations.controller.js';
import { ReservationsService } from './reservations/reservations.service.js';

/** The whole service: the parts of every resource service, and its own. */
@Module({})
export class InventoryModule {
  static forRoot(settings: InventorySettings): DynamicModule {
    return {
      module: InventoryModule,
      imports: [ResourceServiceModule.forRoot({ service: SERVICE, settings, entities })],
      controllers: [ProductsController, ReservationsController],
      providers: [ProductsService, ReservationsService],
    };
  }
}
