/** inventory as specs run it: the real application over HTTP, with a real database and an issuer of the spec's own. */
import { DataSource } from 'typeorm';
import { createHttpApp, dataSourceOptions, runMigrations } from '#service-kit';
import {
  client,
  createTestDatabase,
  createTestIssuer,
  eventually,
  serve,
  testSettings,
  type PostgresLogin,
} from '#testing';
import { SERVICE, type InventorySettings } from '../src/config.js';
import { entities, migrations } from '../src/database/index.js';
import { inventoryProblems } from '../src/errors.js';
import { InventoryModule } from '../src/inventory.module.js';

export type InventoryApp = Awaited<ReturnType<typeof startInventory>>;

/** Starts it with empty tables; `statements: false` leaves it without any word of the issuer. */
export async function startInventory({ statements = true } = {}) {
  const database = await createTestDatabase(SERVICE);
  await runMigrations(dataSourceOptions(testSettings(database.owner), { entities, migrations }));
  const issuer = createTestIssuer();
  const keySets = await serve((_request, response) => {
    if (statements) response.end(issuer.statement());
    else response.writeHead(503).end();
  });
  const settings: InventorySettings = {
    ...testSettings(database.runtime),
    issuer: issuer.issuer,
    issuerFetchUrl: keySets.url,
    trustAnchorPublic: issuer.anchors,
  };
  const app = await createHttpApp(InventoryModule.with(settings), {
    service: SERVICE,
    version: '0.0.0',
    settings,
    problems: inventoryProblems,
  });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  if (statements) await eventually(async () => (await fetch(`${url}/health/ready`)).ok);

  return {
    url,
    settings,
    owner: database.owner,
    /** A token for inventory; an administrator's, unless the claims say otherwise. */
    token: (claims = {}) => issuer.token({ aud: SERVICE, scope: 'inventory:write', ...claims }),
    ...client(url, { documented: true }),
    async close() {
      await app.close();
      await keySets.close();
      await database.drop();
    },
  };
}

/** A connection to the tables of a service. */
export function connect(login: PostgresLogin): Promise<DataSource> {
  return new DataSource(dataSourceOptions(testSettings(login), { entities, migrations })).initialize();
}
