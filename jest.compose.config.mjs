// `npm run test:compose`: specs that need Docker. They use the running composition of this folder.
import config from './jest.config.mjs';

const specs = { testMatch: ['**/*.compose-spec.ts'], testTimeout: 120_000 };

// They need no PostgreSQL and NATS but the composition's.
export default { ...config, ...specs, globalSetup: undefined, globalTeardown: undefined };
