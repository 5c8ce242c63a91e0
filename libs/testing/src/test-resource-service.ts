/** A resource service for specs: the real application over HTTP, with a real database, and an issuer of the spec. */
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
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
import { writeKeyFile } from './test-client-key.js';
import { createTestDatabase } from './test-database.js';
import { createTestIssuer, createTestKey, type TestIssuer } from './test-issuer.js';
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
  /** The settings that only this service has, and those that differ from the usual ones. A client key is a usual one. */
  readonly settings: Omit<S, keyof ResourceServiceSettings | 'clientKeyFile'> &
    Partial<ResourceServiceSettings>;
  /** If false, the issuer answers 503, and the service has no key set. */
  readonly statements: boolean;
}

/** Starts the service with empty tables. */
export async function startTestService<S extends ResourceServiceSettings>(options: TestServiceOptions<S>) {
  const { service, schema, problems, moduleOf, statements } = options;
  const database = await createTestDatabase(service);
  await runMigrations(dataSourceOptions(testSettings(database.owner), schema));
  const issuer = createTestIssuer();
  const clientKey = await writeKeyFile(createTestKey());
  const tokenEndpoint: TestTokenEndpoint = { exchanges: 0, error: undefined };
  const auth = await serve((request, response) => {
    if (request.url === '/oauth/token')
      void exchangeToken(request, { issuer, service, tokenEndpoint }).then(({ status, body }) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      );
    else if (statements) response.end(issuer.statement());
    else response.writeHead(503).end();
  });
  const settings = {
    ...testSettings(database.runtime),
    issuer: issuer.issuer,
    issuerFetchUrl: auth.url,
    trustAnchorPublic: issuer.anchors,
    resourceUrl: `https://${service}.test`,
    clientKeyFile: clientKey.path,
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
    tokenEndpoint,
    /** Makes a token for the service. It is a token of a customer, unless the claims say otherwise. */
    token: (claims = {}) => issuer.token({ aud: service, ...claims }),
    ...client(url, { documented: true }),
    async close() {
      await app.close();
      await auth.close();
      await clientKey.remove();
      await database.drop();
    },
  };
}

/** The token endpoint of the issuer. */
interface TestTokenEndpoint {
  /** How many exchanges were asked for. */
  exchanges: number;
  /** Answered instead of a token: an error of RFC 6749 §5.2. */
  error: string | undefined;
}

/** Exchanges a token as auth does (RFC 8693), but checks nothing: the specs of auth are for that. */
async function exchangeToken(
  request: IncomingMessage,
  {
    issuer,
    service,
    tokenEndpoint,
  }: { issuer: TestIssuer; service: string; tokenEndpoint: TestTokenEndpoint },
): Promise<{ status: number; body: object }> {
  const form = Object.fromEntries(new URLSearchParams(await text(request)));
  tokenEndpoint.exchanges += 1;
  const { error } = tokenEndpoint;
  if (error !== undefined) return { status: 400, body: { error, error_description: error } };
  const { audience: aud, scope, subject_token: subject = '' } = form;
  const payload = Buffer.from(subject.split('.')[1] ?? '', 'base64url').toString();
  const { sub, sid, jti, exp } = JSON.parse(payload) as Record<string, unknown>;
  const exchanged = { aud, scope, sub, sid, exp, txn: jti, client_id: service, act: { sub: service } };
  const body = {
    access_token: issuer.token(exchanged),
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: Number(exp) - Math.floor(Date.now() / 1000),
    scope,
  };
  return { status: 200, body };
}

/** Opens a connection to the tables of a service. */
export function connectTestDatabase(login: PostgresLogin, schema: DatabaseSchema): Promise<DataSource> {
  return new DataSource(dataSourceOptions(testSettings(login), schema)).initialize();
}
