/** What every service shares that is not trust. */
export { dataSourceOptions, databaseModule, runMigrations } from './database.js';
export { databaseCheck } from './database-check.js';
export { isDatabaseUnavailable } from './database-errors.js';
export { ClientAddress } from './client-address.js';
export type { HealthCheck, HealthReport, HealthResult, HealthStatus } from './health.js';
export { HealthModule, HealthService } from './health.js';
export type { HttpAppOptions } from './http-app.js';
export { createHttpApp } from './http-app.js';
export type { Logger } from './logging.js';
export { createLogger, nestLogger } from './logging.js';
export { MetricsModule } from './metrics.js';
export type { NatsLink, NatsOptions, NatsState } from './nats.js';
export { connectNats } from './nats.js';
export { instanceName, NATS_LINK, natsCheck, NatsModule } from './nats.module.js';
export {
  ResourceServiceModule,
  type ResourceServiceOptions,
  type ResourceServiceSettings,
} from './resource-service.module.js';
export { apiProblems, openApiSchema } from './openapi.js';
export type { KeysetPosition, Page, PageQuery } from './paging.js';
export { encodeCursor, keysetPage, pageOf, pageQuery, pageQueryOf } from './paging.js';
export type { KitCode, Problem } from './problem.js';
export { kitProblems, problemOf } from './problem.js';
export { ProblemFilter } from './problem-filter.js';
export { currentRequestId, requestIdHeader, withActor, withRequestId } from './request-context.js';
export { runService, settingsOrExit } from './run-service.js';
export type { SecurityEvent } from './security-events.js';
export { eventLine, SECURITY, securityEvent, securityEvents } from './security-events.js';
export type { ServiceAnswer, ServiceCall, ServiceClientOptions, UpstreamCode } from './service-client.js';
export { ServiceClient } from './service-client.js';
export type { FieldError, ProblemDefinition, ProblemTable } from './service-error.js';
export { defineProblems, ServiceError } from './service-error.js';
export type { DatabaseSettings, HttpSettings, NatsSettings, TrustSettings } from './setting-groups.js';
export {
  baseUrl,
  databaseSettings,
  httpSettings,
  natsSettings,
  seedSettings,
  trustSettings,
  verifierSettings,
} from './setting-groups.js';
export type { Setting, Settings, SettingsDefinition } from './settings.js';
export {
  defineSettings,
  describeSettings,
  listOf,
  loadSettings,
  secretFile,
  secretFiles,
  setting,
  SettingsError,
} from './settings.js';
export { ValidationPipe } from './validation.js';
export { wholeNumber } from './whole-number.js';
