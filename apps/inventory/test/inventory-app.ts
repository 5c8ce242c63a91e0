/** inventory as specs run it. */
import { connectTestDatabase, startTestService, type PostgresLogin } from '#testing';
import { SERVICE, type InventorySettings } from '../src/config.js';
import * as schema from '../src/database/index.js';
import { inventoryProblems } from '../src/errors.js';
import { InventoryModule } from '../src/inventory.module.js';

interface Options extends Partial<InventorySettings> {
  readonly statements?: boolean;
}

export type InventoryApp = Awaited<ReturnType<typeof startInventory>>;

/** Starts it with empty tables; with `statements: false` it has no key set. */
export async function startInventory({ statements = true, ...settings }: Options = {}) {
  const app = await startTestService<InventorySettings>({
    service: SERVICE,
    schema,
    problems: inventoryProblems,
    moduleOf: InventoryModule.forRoot,
    settings: { ...settings },
    statements,
  });
  /** A token for inventory; an administrator's, unless the claims say otherwise. */
  const token = (claims = {}) => app.token({ scope: 'inventory:write', ...claims });
  return { ...app, token };
}

/** A connection to the tables of inventory. */
export const connect = (login: PostgresLogin) => connectTestDatabase(login, schema);
