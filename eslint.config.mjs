// What the compiler and prettier do not see: promises nobody waits for, `any`, settings read in the wrong place,
// private keys outside the issuer. Who may import whom is in .dependency-cruiser.mjs.
import js from '@eslint/js';
import prettier from 'eslint-config-prettier/flat';
import tseslint from 'typescript-eslint';

const tests = [
  '**/*.spec.ts',
  '**/*.e2e-spec.ts',
  'infra/compose/test/**',
  'apps/*/test/**',
  'libs/testing/**',
  'scenarios/**',
];
const nodeGlobals = ['URL', 'Buffer', 'clearTimeout', 'console', 'fetch', 'process', 'setTimeout'];

const tooManyDependencies = {
  selector: 'MethodDefinition[kind="constructor"] > FunctionExpression[params.length>5]',
  message: 'A class takes at most five dependencies; pass a function where one method is all it needs.',
};
const focusedTests = ['describe', 'it', 'test'].map((object) => ({
  object,
  property: 'only',
  message: 'A focused test hides all the others.',
}));
const environment = {
  object: 'process',
  property: 'env',
  message: 'Settings are read once, through the schema in the config.ts of the app; have them injected.',
};
const privateKeyCode = ['node:crypto', 'crypto'].map((name) => ({
  name,
  importNames: [
    'createDecipheriv',
    'createPrivateKey',
    'createSign',
    'generateKeyPair',
    'generateKeyPairSync',
    'sign',
  ],
  message: 'Only apps/auth signs, makes private keys and opens sealed ones.',
}));
const nestErrors = {
  regex: '^@nestjs/common$',
  importNamePattern: 'Exception$|^forwardRef$',
  message:
    'Throw a typed error with a code (a problem table maps it to HTTP); break a cycle, do not forward it.',
};
const nestAddress = {
  regex: '^@nestjs/common$',
  importNamePattern: '^Ip$',
  message: 'It is undefined once the connection has closed; use ClientAddress of #service-kit.',
};

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.signet/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: Object.fromEntries(nodeGlobals.map((name) => [name, 'readonly'])) },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // It spares files with decorators by itself, where Nest needs the class that a constructor names.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // `string | 'none'` says more than `string`.
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      // What was caught is unknown, and may be thrown on.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      // async says what a function returns, also where today's body awaits nothing.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/unbound-method': ['error', { ignoreStatic: true }],
    },
  },
  {
    rules: {
      eqeqeq: 'error',
      'no-duplicate-imports': ['error', { allowSeparateTypeImports: true }],
      'no-restricted-properties': ['error', ...focusedTests],
      'no-restricted-globals': ['error', 'fdescribe', 'fit', 'xdescribe', 'xit', 'xtest'],
    },
  },
  {
    files: ['apps/**', 'libs/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': ['error', ...focusedTests, environment],
      'no-restricted-syntax': ['error', tooManyDependencies],
      'no-restricted-imports': ['error', { paths: privateKeyCode, patterns: [nestErrors, nestAddress] }],
    },
  },
  {
    files: ['apps/auth/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: [nestErrors, nestAddress] }] },
  },
  {
    // Where settings enter a process, where a driver is kept from the rest, and where jest hands its servers to its workers.
    files: [
      'libs/service-kit/src/run-service.ts',
      'libs/service-kit/src/driver-environment.ts',
      'libs/testing/src/shared-servers.ts',
    ],
    rules: { 'no-restricted-properties': ['error', ...focusedTests] },
  },
  {
    // Where Nest wants an HTTP exception of its guard, and where all of them end.
    files: ['libs/trust/src/nest/token.guard.ts', 'libs/service-kit/src/problem.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: privateKeyCode }] },
  },
  {
    files: tests,
    rules: {
      // A spec says aloud what it could not try.
      'no-console': ['error', { allow: ['warn'] }],
      'no-restricted-imports': 'off',
      // Tests read JSON answers of any shape; a wrong guess fails the test.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  prettier,
);
