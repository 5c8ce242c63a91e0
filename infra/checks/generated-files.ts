import { staleFiles } from '../generate/generated-files.js';
import type { Check } from './check.js';

/** Every generated file is what its generator makes now. */
export const generatedFiles: Check = {
  name: 'generated-files',
  remedy: 'npm run generate',
  run: async () => (await staleFiles()).map((path) => `${path} differs from what its generator makes now`),
};
