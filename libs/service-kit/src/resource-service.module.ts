/** Everything that a resource service needs besides its own routes, in one import. */
import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { NatsLink } from '#trust/nats';
import { KeyRing, trustCheck, TrustModule } from '#trust/nest';
import { TrustMetricsModule } from '#trust/nest/metrics';
import type { Entities } from './database.js';
import { databaseModule } from './database.module.js';
import { databaseCheck } from './database-check.js';
import { HealthModule } from './health.js';
import { natsCheck, NatsModule, NATS_LINK } from './nats.module.js';
import { RESOURCE_FACTS, ResourceMetadataController, type ResourceFacts } from './resource-metadata.js';
import type { databaseSettings, httpSettings, natsSettings, verifierSettings } from './setting-groups.js';
import type { Settings, SettingsDefinition } from './settings.js';

/** The settings that {@link ResourceServiceModule} needs: all four groups. */
export type ResourceServiceSettings = Settings<
  SettingsDefinition<
    typeof httpSettings & typeof databaseSettings & typeof natsSettings & typeof verifierSettings
  >
>;

interface ResourceServiceOptions {
  /** The name of the service. It is also the audience of its tokens, and its account in NATS. */
  readonly service: string;
  readonly settings: ResourceServiceSettings;
  /** The entities of its database. */
  readonly entities: Entities;
}

/**
 * Provides the database, NATS, the guard that closes every route, the protected resource metadata, metrics, and the health
 * checks of all of them. The module that imports it can inject the repositories of the entities.
 */
@Module({})
export class ResourceServiceModule {
  static forRoot({ service, settings, entities }: ResourceServiceOptions): DynamicModule {
    const repositories = TypeOrmModule.forFeature(entities as Parameters<typeof TypeOrmModule.forFeature>[0]);
    const { issuer, resourceUrl } = settings;
    const facts: ResourceFacts = { service, resourceUrl, issuer };
    return {
      module: ResourceServiceModule,
      controllers: [ResourceMetadataController],
      providers: [{ provide: RESOURCE_FACTS, useValue: facts }],
      imports: [
        databaseModule(settings, entities),
        repositories,
        NatsModule.forRoot(service, settings),
        TrustModule.forRootAsync({
          inject: [NATS_LINK],
          useFactory: (nats: NatsLink) => ({
            issuer,
            resourceUrl,
            issuerFetchUrl: settings.issuerFetchUrl,
            audience: service,
            anchors: settings.trustAnchorPublic,
            maxLifetimeSeconds: settings.maxTokenSeconds,
            statementFile: settings.trustStatementFile,
            decryptionKey: settings.tokenDecryptionKey,
            nats,
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
      exports: [repositories],
    };
  }
}
