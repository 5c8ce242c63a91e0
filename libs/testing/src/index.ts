export { freePort, freePortBase } from '../../../infra/local/ports.js';
export type { PostgresLogin } from '../../../infra/local/postgres.js';
export type { RequestParts } from '../../../infra/tour/exchange.js';
export { documentedScopes } from './documented-scopes.js';
export { client, type Answer } from './http-client.js';
export { serve } from './http-server.js';
export { sharedPostgres } from './shared-servers.js';
export { writeKeyFile, type TestKeyFile } from './test-client-key.js';
export { createTestDatabase, type TestDatabase } from './test-database.js';
export { createTestRecipient, encryptCompact, type TestRecipient } from './test-encryption.js';
export {
  createTestIssuer,
  createTestKey,
  published,
  segment,
  signBytes,
  signCompact,
  type TestAlg,
  type TestIssuer,
  type TestKey,
} from './test-issuer.js';
export { startTestIssuer, type RunningTestIssuer } from './test-issuer-server.js';
export { connectTestDatabase, startTestService } from './test-resource-service.js';
export { testSettings } from './test-settings.js';
export { migrationFaults } from './test-migrations.js';
export { startTestNats, type TestNats } from './test-nats.js';
export { connectTo, startTestPublisher, type TestPublisher } from './test-publisher.js';
export { eventually, fakeClock } from './time.js';
