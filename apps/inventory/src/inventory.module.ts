import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import {
  databaseCheck,
  databaseModule,
  HealthModule,
  instanceName,
  NATS_LINK,
  natsCheck,
  NatsModule,
  type NatsLink,
} from '#service-kit';
import { KeyRing } from '#trust';
import { trustCheck, TrustMetricsModule, TrustModule } from '#trust/nest';
import { SERVICE, type InventorySettings } from './config.js';
import { entities } from './database/index.js';
import { ProductsController } from './products/products.controller.js';
import { ProductsService } from './products/products.service.js';

/** The whole service: what it is made of, and who gets what. */
@Module({})
export class InventoryModule {
  static with(settings: InventorySettings): DynamicModule {
    return {
      module: InventoryModule,
      imports: [
        databaseModule(settings, entities),
        TypeOrmModule.forFeature(entities),
        NatsModule.forRoot(SERVICE, settings),
        TrustModule.forRootAsync({
          inject: [NATS_LINK],
          useFactory: ({ connection }: NatsLink) => ({
            issuer: settings.issuer,
            issuerFetchUrl: settings.issuerFetchUrl,
            audience: SERVICE,
            anchors: settings.trustAnchorPublic,
            maxLifetimeSeconds: settings.maxTokenSeconds,
            statementFile: settings.trustStatementFile,
            nats: { connection, service: SERVICE, instance: instanceName },
          }),
        }),
        TrustMetricsModule,
        HealthModule.forRoot({
          inject: [DataSource, KeyRing, NATS_LINK],
          checks: (dataSource: DataSource, ring: KeyRing, nats: NatsLink) => [
            databaseCheck(dataSource),
            trustCheck(ring),
            natsCheck(nats),
          ],
        }),
      ],
      controllers: [ProductsController],
      providers: [ProductsService],
    };
  }
}
