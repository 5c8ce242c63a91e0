/** Every setting of inventory. */
import {
  databaseSettings,
  defineSettings,
  httpSettings,
  natsSettings,
  verifierSettings,
  type Settings,
} from '#service-kit/base';

/** inventory's own name: the audience of tokens for it, and the name of its NATS account. */
export const SERVICE = 'inventory';

/** The scopes of its audience. `inventory:reserve` is what orders gets in exchange for the token of a customer. */
declare module '#trust/nest' {
  interface ScopeRegistry {
    'inventory:reserve': true;
    'inventory:write': true;
  }
}

export const inventorySettings = defineSettings({
  ...httpSettings,
  ...databaseSettings,
  ...natsSettings,
  ...verifierSettings,
});

export type InventorySettings = Settings<typeof inventorySettings>;

/** The settings of `migrate`, which connects as the owner of the tables. */
export const storeSettings = defineSettings(databaseSettings);
