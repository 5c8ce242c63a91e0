/** A resource service for specs: the real application over HTTP, with a real database, and an issuer of the spec. */
import type { DynamicModule } from '@nestjs/common';
import { DataSource, type DataSourceOptions } from 'typeorm';
import {
  createHttpApp,
  dataSourceOptions,
  runMigrations,
  type HttpAppOptions,
  type ResourceServiceSettings,
} from '#service-kit';
import { client } from './http-client.js';
import { serve } from './http-server.js';
import { createTestDatabase } from './test-database.js';
import { createTestIssuer } from './test-issuer.js';
import { testSettings } from './test-settings.js';
import { eventually } from './time.js';
import type { PostgresLogin } from '../../../infra/local/postgres.js';

type Entities = NonNullable<Extract<DataSourceOptions, { type: 'postgres' }>['entities']>;
type Migrations = NonNullable<Extract<DataSourceOptions, { type: 'postgres' }>['migrations']>;

/** The entities of a service, and the migrations that make their tables. */
export interface DatabaseSchema {
  readonly entities: Entities;
  readonly migrations: Migrations;
}

interface TestServiceOptions<S extends ResourceServiceSettings> {
  readonly service: string;
  readonly schema: DatabaseSchema;
  readonly problems: NonNullable<HttpAppOptions['problems']>;
  readonly moduleOf: (settings: S) => DynamicModule;
  /** The settings that only this service has, and those that differ from the usual ones. */
  readonly settings: Omit<S, keyof ResourceServiceSettings> & Partial<ResourceServiceSettings>;
  /** If false, the issuer answers 503, and the service has no key set. */
  readonly statements: boolean;
}

/** Starts the service with empty tables. */
export async function startTestService<S extends ResourceServiceSettings>(options: TestServiceOptions<S>) {
  const { service, schema, problems, moduleOf, statements } = options;
  const database = await createTestDatabase(service);
  await runMigrations(dataSourceOptions(testSettings(database.owner), schema));
  const issuer = createTestIssuer();
  const keySets = await serve((_request, response) => {
    if (statements) response.end(issuer.statement());
    else response.writeHead(503).end();
  });
  const settings = {
    ...testSettings(database.runtime),
    issuer: issuer.issuer,
    issuerFetchUrl: keySets.url,
    trustAnchorPublic: issuer.anchors,
    ...options.settings,
  } as unknown as S;
  const app = await createHttpApp(moduleOf(settings), { service, version: '0.0.0', settings, problems });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  if (statements) await eventually(async () => (await fetch(`${url}/health/ready`)).ok);

  return {
    url,
    settings,
    owner: database.owner,
    /** Makes a token for the service. It is a token of a customer, unless the claims say otherwise. */
    token: (claims = {}) => issuer.token({ aud: service, ...claims }),
    ...client(url, { documented: true }),
    async close() {
      await app.close();
      await keySets.close();
      await database.drop();
    },
  };
}

/** Opens a connection to the tables of a service. */
export function connectTestDatabase(login: PostgresLogin, schema: DatabaseSchema): Promise<DataSource> {
  return new DataSource(dataSourceOptions(testSettings(login), schema)).initialize();
}
