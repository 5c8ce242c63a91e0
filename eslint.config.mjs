// Finds what the compiler and prettier do not find: promises without await, `any`, settings that are read in the wrong
// place, and private keys outside of the issuer. .dependency-cruiser.mjs says which file may import which.
import js from '@eslint/js';
import prettier from 'eslint-config-prettier/flat';
import tseslint from 'typescript-eslint';

// The files that the generators copy. They are checked as what they become.
const template = 'infra/starter/templates/*';
const tests = [
  '**/*.spec.ts',
  '**/*.e2e-spec.ts',
  '**/*.starter-spec.ts',
  'infra/compose/test/**',
  'apps/*/test/**',
  `${template}/test/**`,
  'libs/*/test/**',
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
  { ignores: ['dist/', 'dist.last/', 'coverage/', '.signet/'] },
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
      // The rule ignores files with decorators: there Nest needs the class at run time.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // For a reader, `string | 'none'` says more than `string`.
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      // A caught value has the type unknown, and may be thrown again.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      // `async` shows that a function returns a promise, also if its body has no await.
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
    files: ['apps/**', 'libs/**', `${template}/**`],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': ['error', ...focusedTests, environment],
      'no-restricted-syntax': ['error', tooManyDependencies],
      'no-restricted-imports': ['error', { paths: privateKeyCode, patterns: [nestErrors, nestAddress] }],
    },
  },
  {
    // The second signs client assertions, with the service's own client key.
    files: ['apps/auth/**', 'libs/service-kit/src/calls/client-assertion.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [nestErrors, nestAddress] }] },
  },
  {
    // These read process.env: settings, the variables of a database driver, and what jest passes to its workers.
    files: [
      'libs/service-kit/src/settings-or-exit.ts',
      'libs/service-kit/src/driver-environment.ts',
      'libs/testing/src/shared-servers.ts',
    ],
    rules: { 'no-restricted-properties': ['error', ...focusedTests] },
  },
  {
    // Nest needs an HTTP exception from the guard, and the filter handles all HTTP exceptions.
    files: ['libs/trust/src/nest/token.guard.ts', 'libs/service-kit/src/problem.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: privateKeyCode }] },
  },
  {
    files: tests,
    rules: {
      // A spec prints a warning about what it could not test.
      'no-console': ['error', { allow: ['warn'] }],
      'no-restricted-imports': 'off',
      // Tests read JSON answers of any form. If the form is wrong, the test fails.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // Programs of a scenario print for people.
    files: ['scenarios/*/**'],
    ignores: ['**/*.spec.ts', '**/*.e2e-spec.ts', '**/*.starter-spec.ts'],
    rules: { 'no-console': 'off' },
  },
  prettier,
);
