// `npm run test:starter`: specs that change a copy of the repository, build it and run it.
import config from './jest.config.mjs';

export default { ...config, testMatch: ['**/*.starter-spec.ts'], testTimeout: 600_000 };
