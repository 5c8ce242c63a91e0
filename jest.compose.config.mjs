// `npm run test:compose`: specs that need Docker. They use the running containers of this folder.
import config from './jest.config.mjs';

const specs = { testMatch: ['**/*.compose-spec.ts'], testTimeout: 120_000 };

// PostgreSQL and NATS run in the containers, so jest starts none.
export default { ...config, ...specs, globalSetup: undefined, globalTeardown: undefined };
