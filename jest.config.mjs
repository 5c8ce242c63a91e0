// Native ESM under Jest: TypeScript goes through swc (decorators and their metadata on), and the `#alias`
// imports of package.json, which Node resolves to dist/, are resolved to the sources instead.
import { existsSync, readFileSync } from 'node:fs';

const { imports } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));
const aliases = Object.entries(imports).map(([alias, target]) => [
  `^${alias}$`,
  target.replace('./dist/', '<rootDir>/').replace(/\.js$/, '.ts'),
]);

const folders = ['apps', 'libs', 'infra', 'scenarios', 'bench'];

const swc = {
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    keepClassNames: true,
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

export default {
  roots: folders
    .filter((folder) => existsSync(new URL(folder, import.meta.url)))
    .map((folder) => `<rootDir>/${folder}`),
  testMatch: ['**/*.spec.ts', '**/*.e2e-spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  // js before ts: a package that ships its sources beside its build must run the build.
  moduleFileExtensions: ['js', 'mjs', 'ts', 'json', 'node'],
  moduleNameMapper: { ...Object.fromEntries(aliases), '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '\\.ts$': ['@swc/jest', swc] },
  setupFiles: ['reflect-metadata'],
  globalSetup: '<rootDir>/libs/testing/jest-global-setup.mjs',
  globalTeardown: '<rootDir>/libs/testing/jest-global-teardown.mjs',
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  testTimeout: 30_000,
  // A worker keeps every ES module that its specs load. One that has grown past this is replaced between two specs.
  workerIdleMemoryLimit: '400MB',
};
