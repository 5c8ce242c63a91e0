/**
 * What belongs to the demo, the shop of orders and inventory. `npm run eject-demo` takes it away. A spec compares this list
 * with the repository.
 */

/** The services of the demo. Their rows, scopes and permissions go, too. */
export const demoServices: readonly string[] = ['orders', 'inventory'];

/** Folders and files. */
export const demoPaths: readonly string[] = [
  'apps/inventory',
  'apps/orders',
  'bench/calls/exchange.ts',
  'bench/calls/least-endpoint.ts',
  'infra/compose/test/failover.compose-spec.ts',
  'infra/compose/test/load.ts',
  'infra/compose/test/shutdown.compose-spec.ts',
  'infra/database/generate-migration.starter-spec.ts',
  'infra/local/demo.e2e-spec.ts',
  'infra/starter/demo-parts.spec.ts',
  'infra/starter/eject-demo.starter-spec.ts',
  'infra/starter/new-call.starter-spec.ts',
  'infra/starter/new-resource.starter-spec.ts',
  'infra/tour/story-of-an-order.ts',
];

/** Files of which only marked regions belong to the demo. */
export const filesWithRegions: readonly string[] = [
  'bench/calls/run.ts',
  'bench/capacity/lanes.ts',
  'docs/jwt.md',
  'infra/tour/story.ts',
];

/** Pages whose commands use orders as an example. They get the name of the new service. */
export const pagesWithCommands: readonly string[] = [
  'docs/jwt.md',
  'scenarios/anchor-exchange/README.md',
  'scenarios/browser-login/README.md',
  'scenarios/database-restored/README.md',
  'scenarios/encrypted-token/README.md',
  'scenarios/issuer-down/README.md',
  'scenarios/key-compromise/README.md',
  'scenarios/key-rotation/README.md',
  'scenarios/nats-down/README.md',
  'scenarios/plain-passport-jwt/README.md',
  'scenarios/rogue-publisher/README.md',
];
