import { Module, type DynamicModule } from '@nestjs/common';
import { ResourceServiceModule, ServiceClients, ServiceClientsModule } from '#service-kit';
import { Catalogue } from './catalogue/catalogue.js';
import { SERVICE, type OrdersSettings } from './config.js';
import { entities } from './database/index.js';
import { IdempotentRequests } from './idempotency/idempotent-requests.js';
import { NewAccountLimit } from './orders/new-account-limit.js';
import { OrdersController } from './orders/orders.controller.js';
import { OrdersService } from './orders/orders.service.js';
import { Stock } from './stock/stock.js';

/** The whole service: the parts of every resource service, its own, and the client of inventory. */
@Module({})
export class OrdersModule {
  static forRoot(settings: OrdersSettings): DynamicModule {
    const { inventoryUrl: baseUrl, inventoryTimeoutMs: timeoutMs } = settings;
    return {
      module: OrdersModule,
      imports: [
        ResourceServiceModule.forRoot({ service: SERVICE, settings, entities }),
        ServiceClientsModule.forRoot({
          service: SERVICE,
          settings,
          callees: { inventory: { baseUrl, timeoutMs } },
        }),
      ],
      controllers: [OrdersController],
      providers: [
        OrdersService,
        IdempotentRequests,
        { provide: NewAccountLimit, useFactory: () => new NewAccountLimit(settings) },
        {
          provide: Catalogue,
          inject: [ServiceClients],
          useFactory: (clients: ServiceClients) => new Catalogue(clients.to('inventory')),
        },
        {
          provide: Stock,
          inject: [ServiceClients],
          useFactory: (clients: ServiceClients) => new Stock(clients.to('inventory')),
        },
      ],
    };
  }
}
