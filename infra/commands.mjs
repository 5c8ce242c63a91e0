/**
 * What each npm script does, in one line. `npm run help` prints it, and docs/commands.md is made from it. Plain JavaScript
 * without dependencies, so that the help works in a fresh clone.
 *
 * @type {Readonly<Record<string, Readonly<Record<string, string>>>>}
 */
export const commands = {
  'Run the system': {
    start: 'installs and builds what is missing, then runs PostgreSQL, NATS and all services',
    dev: 'runs the same; a saved file restarts the services that import it',
    tour: 'logs in, forges tokens, rotates and revokes keys on the running system, and explains each step',
    keys: 'shows, rotates and revokes keys of the running system: npm run keys -- list',
    explain: 'judges a token as a service does, and shows the step that fails: npm run explain < FILE',
    'browser-login': 'serves a page on which a browser logs in to the running system',
    doctor: 'says what is unsafe in the settings of a production environment',
    reset: 'stops the system and removes its keys, passwords and data',
  },
  'Check a change': {
    check: 'all static checks, then all tests',
    'check:static':
      'types, lint, format, boundaries, migrations, generated files, packages; some: -- types lint',
    test: 'all tests, with a real PostgreSQL and a real NATS; some: npm test -- apps/orders',
    'test:browser': 'the tests of the browser page, in Chromium if it is installed',
    'test:starter': 'runs the generators in copies of the repository, and checks what they made',
    'test:compose': 'tests the running containers: stops, kills and restarts parts under load',
    lint: 'only eslint',
    conformance:
      'tests how any resource server judges tokens: npm run conformance -- --target URL --audience NAME',
  },
  'Write files': {
    'eject-demo': 'takes the shop away, and leaves auth and one empty service: npm run eject-demo -- NAME',
    rename: 'gives the project another name, everywhere: npm run rename -- NAME',
    'new:service': 'makes a service with its tests: npm run new:service -- NAME',
    'new:resource': 'adds rows of an account to a service, with routes: npm run new:resource -- SERVICE NAME',
    'new:call': 'lets a service call another one: npm run new:call -- CALLER CALLEE',
    'migration:generate': 'writes a migration from the entities: npm run migration:generate -- SERVICE NAME',
    generate: 'writes the files that are made from code, such as docker-compose.yml and docs/config.md',
    package: 'makes a package of the verifier, for services outside of this repository, in dist/package',
    format: 'formats all files with prettier',
    build: 'compiles into dist/; the other commands do it themselves',
  },
  'Look after the data': {
    db: 'opens psql on the database of a service: npm run db -- orders',
    'migration:status': 'lists the migrations that each database has',
    'migration:revert': 'takes the last migration of a service back: npm run migration:revert -- orders',
    backup: 'copies the keys and the data of a stopped system: npm run backup -- FOLDER',
    restore: 'puts a backup back: npm run restore -- FOLDER',
  },
  'Measure and compare': {
    bench: 'a rotation and a key revocation under load, beside jose and jwks-rsa',
    'bench:guard': 'a guarded route, beside other libraries and sessions',
    'bench:verify': 'the verification of a token, beside other libraries',
    'bench:calls': 'what a token adds to a call between services',
    'bench:revocation': 'how long a session is accepted after its logout',
    'bench:capacity': 'how many requests one process of each service answers',
    'bench:conformance': 'how servers of several libraries judge bad tokens, by npm run conformance',
    'compare:sessions': 'sessions and tokens, in four small APIs',
  },
  'Find a command': {
    help: 'prints this list',
  },
};

/**
 * The command that a person types.
 * @param {string} script
 */
export function typed(script) {
  return ['start', 'test'].includes(script) ? `npm ${script}` : `npm run ${script}`;
}
