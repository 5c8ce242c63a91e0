/** Every setting of orders. */
import {
  baseUrl,
  callerSettings,
  databaseSettings,
  defineSettings,
  httpSettings,
  natsSettings,
  setting,
  verifierSettings,
  wholeNumber,
  type Settings,
} from '#service-kit/base';

/** orders' own name: the audience of tokens for it, and the name of its NATS account. */
export const SERVICE = 'orders';

/** The scopes that its routes require. */
declare module '#trust/nest' {
  interface ScopeRegistry {
    'orders:read': true;
    'orders:write': true;
  }
}

export const ordersSettings = defineSettings({
  ...httpSettings,
  ...databaseSettings,
  ...natsSettings,
  ...verifierSettings,
  ...callerSettings,
  inventoryUrl: setting(baseUrl, { doc: 'the base URL of inventory, e.g. http://127.0.0.1:3002' }),
  // The slowest order takes 7 rounds of pricing, a reservation and its release. It must end before the claim of a key does
  // (30 s).
  inventoryTimeoutMs: setting(wholeNumber(1, 2000), {
    doc: 'the longest time of one call of inventory, with its repeats',
    unit: 'ms',
    default: 2000,
  }),
  newAccountSeconds: setting(wholeNumber(0), {
    doc: 'how long an account counts as new; 0: never',
    unit: 's',
    default: 24 * 3600,
  }),
  newAccountMaxCents: setting(wholeNumber(0), {
    doc: 'the greatest total of one order of a new account, in the currency of the order',
    unit: 'cents',
    default: 500_00,
  }),
});

export type OrdersSettings = Settings<typeof ordersSettings>;

/** The settings of `migrate`, which connects as the owner of the tables. */
export const storeSettings = defineSettings(databaseSettings);
