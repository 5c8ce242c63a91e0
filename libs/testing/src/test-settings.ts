import { createUser } from '@nats-io/nkeys';
import type { PostgresLogin } from '../../../infra/local/postgres.js';
import type { TestRecipient } from './test-encryption.js';

/**
 * The settings that every service has, for a process with this database login. NATS cannot be reached, and values that
 * a spec does not need are `none`.
 */
export function testSettings({ host, port, database, user, password }: PostgresLogin) {
  return {
    nodeEnv: 'test' as const,
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent' as const,
    corsAllowedOrigins: [],
    trustedProxies: [],
    shutdownDelayMs: 0,
    bodyLimitBytes: 65_536,
    databaseHost: host,
    databasePort: port,
    databaseName: database,
    databaseUser: user,
    databasePassword: password,
    databasePoolSize: 5,
    databaseStatementTimeoutMs: 5_000,
    databaseConnectTimeoutMs: 3_000,
    databaseConnectionSeconds: 1_800,
    natsUrl: 'nats://127.0.0.1:1',
    natsNkeySeed: new TextDecoder().decode(createUser().getSeed()),
    issuer: 'none',
    issuerFetchUrl: 'none',
    maxTokenSeconds: 300,
    trustAnchorPublic: [] as string[],
    resourceUrl: 'https://resource.test',
    trustStatementFile: undefined as string | undefined,
    tokenDecryptionKey: undefined as TestRecipient['privateJwk'] | undefined,
  };
}
