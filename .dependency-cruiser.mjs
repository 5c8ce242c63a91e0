// Which file may import which. Paths are paths of source files. `$1` is the first group in `from` of the rule.
//
//   apps -> service-kit -> trust/nest -> trust -> statements -> jws
//
// Only apps/auth imports code that signs. A new allowed import changes the security argument of README.md.
const specs = '[.](e2e-|compose-|starter-)?spec[.]ts$';
// The files that the generators copy. They are checked as what they become.
const template = 'infra/starter/templates/[^/]+';
const tests = `${specs}|^((apps|libs)/[^/]+|infra/compose|${template})/test/|^libs/testing/|^scenarios/|^bench/`;
const ours = '^(apps|libs|infra|scenarios|bench)/';
// Files that no file imports: programs, configuration, and what jest loads.
const entryPoints = [
  '/(main|migrate|seed|keys-cli)[.]ts$',
  '^libs/[^/]+/src/index[.]ts$',
  '^libs/(trust|testing)/src/package[.]ts$',
  '^libs/trust/src/(hosts/[^/]+|(adapters|nats)/index)[.]ts$',
  '^infra/dev/(dev|compile-worker)[.]ts$',
  '^infra/local/(start|reset|run-key-command|reaper)[.]ts$',
  '^infra/checks/run[.]ts$',
  '^infra/generate/generate[.]ts$',
  '^infra/doctor/doctor[.]ts$',
  '^infra/explain/explain[.]ts$',
  '^infra/conformance/conformance[.]ts$',
  '^infra/database/(generate-migration|migration-status|migration-revert|shell|backup|restore)[.]ts$',
  '^infra/starter/(new-[a-z]+|rename|eject-demo)[.]ts$',
  '^infra/compose/(setup|provision-databases|credentials|successor|client-key)[.]ts$',
  '^infra/image/assemble[.]ts$',
  '^infra/package/package[.]ts$',
  '^infra/tour/tour[.]ts$',
  '^(bench|scenarios)/',
  '[.]mjs$',
  specs,
];

// The rooms of auth from the ground up: each may import those before it, and none after it.
const authRooms = [
  'anchor',
  'keys',
  'key-set',
  'verifiers',
  'revocations',
  'tokens',
  'rotation',
  'accounts',
  'sessions',
  'oauth',
  'statements',
  'recovery',
];

// The rooms of infra, each with the rooms that it may import. All may import the files beside the rooms.
const infraRooms = {
  system: [],
  local: ['system'],
  dev: ['system', 'local'],
  compose: ['system'],
  image: ['system', 'compose'],
  doctor: ['system', 'local'],
  explain: ['system', 'local'],
  conformance: ['system'],
  package: ['system'],
  generate: ['system', 'compose', 'doctor', 'package'],
  tour: ['system', 'local'],
  pages: ['system', 'local'],
  starter: ['system', 'generate'],
  database: ['system', 'local', 'starter'],
  checks: ['system', 'local', 'generate', 'database'],
};

/** A rule: modules in `from` may not import modules in `of`, except those in `only`. */
function forbid(name, comment, from, of, { fromNot, only, ...to } = {}) {
  const path = only === undefined ? { path: of } : { path: of, pathNot: only };
  return {
    name,
    comment,
    severity: 'error',
    from: fromNot === undefined ? { path: from } : { path: from, pathNot: fromNot },
    to: { ...path, ...to },
  };
}

export default {
  forbidden: [
    forbid('no-app-imports-an-app', 'Services communicate over HTTP and NATS.', '^apps/([^/]+)/', '^apps/', {
      only: '^apps/$1/',
    }),
    forbid('auth-is-private', 'Only apps/auth may import code that signs.', ours, '^apps/auth/', {
      fromNot: '^apps/auth/',
    }),
    forbid(
      'apps-use-libs-only',
      'Of our code, an app imports only itself and the libraries.',
      '^apps/([^/]+)/',
      ours,
      {
        only: ['^apps/', '^libs/'],
      },
    ),
    forbid(
      'infra-is-outside',
      'infra runs the services. Of the libraries, only libs/testing uses it, to start servers for tests.',
      '^(apps|libs)/',
      '^infra/',
      {
        fromNot: '^libs/testing/',
      },
    ),
    forbid(
      'libs-and-infra-import-no-app',
      'Apps import libraries, and not the other way round.',
      '^(libs|infra)/',
      '^apps/',
    ),

    forbid(
      'jws-stands-alone',
      'A reader must understand how signatures are parsed and checked without any other library.',
      '^libs/jws/',
      ours,
      {
        fromNot: tests,
        only: '^libs/jws/',
      },
    ),
    forbid(
      'statements-use-jws-only',
      'The code that verifies key sets needs signatures only.',
      '^libs/statements/',
      ours,
      {
        fromNot: tests,
        only: '^libs/(statements|jws)/',
      },
    ),
    forbid(
      'trust-uses-statements-and-jws-only',
      'The verifier does not depend on any service.',
      '^libs/trust/',
      ours,
      {
        fromNot: tests,
        only: '^libs/(trust|statements|jws)/',
      },
    ),
    forbid(
      'trust-core-knows-no-nest',
      'Outside libs/trust/src/nest the verifier runs without a framework.',
      '^libs/(jws|statements|trust)/src/',
      '^node_modules/@nestjs/|^libs/trust/src/nest/',
      { fromNot: `^libs/trust/src/nest/|${tests}` },
    ),
    forbid(
      'service-kit-uses-no-verifier',
      'It reads JSON and anchors with the code of the verifier, opens its health routes, and gives a service its guard and its connection to NATS.',
      '^libs/service-kit/',
      ours,
      {
        fromNot: tests,
        only: '^libs/(service-kit|statements|jws|trust/src/(nest|nats))/|^libs/trust/src/encryption-key[.]ts$',
      },
    ),
    forbid(
      'base-knows-no-nest',
      'Programs that serve nothing start faster without NestJS.',
      '^libs/service-kit/src/base[.]ts$',
      '^node_modules/@nestjs/',
      { reachable: true },
    ),
    forbid(
      'testing-is-for-tests',
      'Programs must not contain test issuers and test servers.',
      ours,
      '^libs/testing/',
      {
        fromNot: `${tests}|^infra/conformance/`,
      },
    ),
    forbid(
      'conformance-uses-the-test-issuer-only',
      'It tests servers that are not ours, and starts none of ours.',
      '^infra/conformance/',
      '^libs/',
      {
        fromNot: tests,
        only: '^libs/testing/src/(package|test-issuer|http-server)[.]ts$',
      },
    ),

    forbid(
      'only-auth-signs-tokens',
      'Only apps/auth signs tokens. The benchmarks measure jsonwebtoken, a scenario compares it, and a spec gives it our keys.',
      ours,
      '^node_modules/(@nestjs/jwt|jsonwebtoken)/',
      {
        fromNot:
          '^(apps/auth|bench|scenarios/session-vs-token|libs/trust/src/adapters/adapters[.]e2e-spec)[/.]',
      },
    ),
    forbid(
      'only-auth-and-tests-use-jose',
      'auth signs with jose, and a client its assertions. Everybody verifies with libs/jws.',
      ours,
      '^node_modules/jose/',
      {
        fromNot: `^apps/auth/|^libs/trust/src/token-decryption[.]ts$|^libs/service-kit/src/calls/client-assertion[.]ts$|${tests}`,
      },
    ),
    forbid(
      'trust-only-decrypts-with-jose',
      'Of jose, a verifier uses the part that decrypts. It must not be able to sign.',
      '^libs/trust/',
      '^node_modules/jose/',
      { fromNot: tests, only: '^node_modules/jose/dist/[^/]+/(jwe/compact/decrypt|util/errors)[.]' },
    ),

    ...authRooms.map((room, i) =>
      forbid(
        `auth-${room}-imports-no-room-above-it`,
        'The order of the rooms is drawn in docs/architecture.md. `database` and the files beside the rooms are above all.',
        `^apps/auth/src/${room}/`,
        '^apps/auth/src/',
        {
          only: `^apps/auth/src/(${[...authRooms.slice(0, i + 1)].join('|')})/|^apps/auth/src/(config|errors)[.]ts$`,
        },
      ),
    ),
    forbid(
      'auth-has-no-other-room',
      'A new room gets its place in the order: name it under authRooms.',
      '^apps/auth/src/',
      '^apps/auth/src/[^/]+/',
      { only: `^apps/auth/src/(${authRooms.join('|')}|database)/` },
    ),

    ...Object.entries(infraRooms).map(([room, others]) =>
      forbid(
        `infra-${room}-imports-the-rooms-below-it`,
        'system holds the table of services; local and compose are two ways to run it.',
        `^infra/${room}/`,
        '^infra/[^/]+/',
        { fromNot: tests, only: `^infra/(${[room, ...others].join('|')})/` },
      ),
    ),
    forbid(
      'infra-has-no-other-room',
      'A new room of infra gets its place in the order: name it under infraRooms.',
      ours,
      '^infra/[^/]+/',
      { only: `^infra/(${Object.keys(infraRooms).join('|')})/` },
    ),

    // Within one app, one library or infra. Between them, the rules above allow no cycle.
    forbid(
      'no-circular',
      'A cycle cannot be read in order, and entities in a cycle do not load.',
      '^((?:apps|libs)/[^/]+|infra)/',
      '^$1/',
      { circular: true, viaOnly: { path: '^$1/' } },
    ),
    forbid(
      'no-dev-dependency-in-programs',
      'A deployed service has no devDependencies.',
      '^(apps|libs)/',
      '^node_modules/',
      { fromNot: tests, dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    ),
    forbid('no-undeclared-package', 'List it in package.json.', ours, '', {
      dependencyTypes: ['npm-no-pkg', 'npm-unknown'],
    }),
    forbid('no-unresolvable', 'This file or package does not exist.', ours, '', { couldNotResolve: true }),
    {
      name: 'no-orphan',
      comment: 'Nothing imports or starts this file. Remove it, or name it under entryPoints.',
      severity: 'error',
      from: {},
      module: { path: ours, pathNot: entryPoints, numberOfDependentsLessThan: 1 },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist(.last)?/' },
    // An import of a type counts as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    webpackConfig: { fileName: 'infra/checks/import-aliases.mjs' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
