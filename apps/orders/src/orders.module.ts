import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import {
  databaseCheck,
  databaseModule,
  HealthModule,
  ServiceClient,
  type HealthCheck,
  type NatsLink,
} from '#service-kit';
import { KeyRing } from '#trust';
import { trustCheck, TrustMetricsModule, TrustModule } from '#trust/nest';
import { Catalogue } from './catalogue/catalogue.js';
import { SERVICE, type OrdersSettings } from './config.js';
import { entities } from './database/index.js';
import { instance, NATS, NatsModule } from './nats.module.js';
import { IdempotentRequests } from './idempotency/idempotent-requests.js';
import { OrdersController } from './orders/orders.controller.js';
import { OrdersService } from './orders/orders.service.js';

/** The whole service: what it is made of, and who gets what. */
@Module({})
export class OrdersModule {
  static with(settings: OrdersSettings): DynamicModule {
    return {
      module: OrdersModule,
      imports: [
        databaseModule(settings, entities),
        TypeOrmModule.forFeature(entities),
        NatsModule.with(settings),
        TrustModule.forRootAsync({
          inject: [NATS],
          useFactory: ({ connection }: NatsLink) => ({
            issuer: settings.issuer,
            issuerFetchUrl: settings.issuerFetchUrl,
            audience: SERVICE,
            anchors: settings.trustAnchorPublic,
            nats: { connection, service: SERVICE, instance },
          }),
        }),
        TrustMetricsModule,
        HealthModule.forRoot({
          inject: [DataSource, KeyRing, NATS],
          checks: (dataSource: DataSource, ring: KeyRing, nats: NatsLink) => [
            databaseCheck(dataSource),
            trustCheck(ring),
            natsCheck(nats),
          ],
        }),
      ],
      controllers: [OrdersController],
      providers: [
        OrdersService,
        IdempotentRequests,
        {
          provide: Catalogue,
          useFactory: () =>
            new Catalogue(
              new ServiceClient({ baseUrl: settings.inventoryUrl, timeoutMs: settings.inventoryTimeoutMs }),
            ),
        },
      ],
    };
  }
}

/** Without NATS the trust module polls the issuer over HTTP, and requests keep being judged. */
function natsCheck(nats: NatsLink): HealthCheck {
  return { name: 'nats', check: () => ({ status: nats.state() === 'connected' ? 'up' : 'degraded' }) };
}
