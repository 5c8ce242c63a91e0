/** What all services share, except the verification of tokens. */
export * from './base.js';
export { databaseModule } from './database.module.js';
export { databaseCheck } from './database-check.js';
export { signAssertion } from './calls/client-assertion.js';
export { ServiceClient } from './calls/service-client.js';
export { ServiceClients, ServiceClientsModule, type CallerSettings } from './calls/service-clients.js';
export type { Authority } from './calls/service-tokens.js';
export { UpstreamError } from './calls/upstream.js';
export type { Form } from './forms.js';
export { ClientAddress } from './client-address.js';
export type { HealthCheck } from './health.js';
export { HealthModule } from './health.js';
export type { HttpAppOptions } from './http-app.js';
export { createHttpApp } from './http-app.js';
export { nestLogger } from './nest-logger.js';
export { NATS_LINK, natsCheck, NatsModule } from './nats.module.js';
export { ResourceServiceModule, type ResourceServiceSettings } from './resource-service.module.js';
export type { OAuthEndpoints } from './oauth-errors.js';
export {
  ACCESS_TOKEN_TYPE,
  CLIENT_CREDENTIALS,
  JWT_BEARER,
  TOKEN_EXCHANGE,
  TOKEN_PATH,
} from './oauth-names.js';
export { apiProblems, openApiSchema } from './openapi.js';
export type { Page, PageQuery } from './paging.js';
export { keysetPage, pageQuery, pageQueryOf } from './paging.js';
export { withActor } from './request-context.js';
export { runService } from './run-service.js';
export type { SecurityEvent } from './security-events.js';
export { SECURITY, securityEvent, securityEvents } from './security-events.js';
export { refuseRepeated } from './validation.js';
