/** Every setting of orders. */
import { z } from 'zod';
import {
  databaseSettings,
  defineSettings,
  httpSettings,
  natsSettings,
  setting,
  verifierSettings,
  type Settings,
} from '#service-kit';

/** orders' own name: the audience of tokens for it, and its account in NATS. */
export const SERVICE = 'orders';

/** The scopes that its routes ask for. */
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
  inventoryUrl: setting(
    z.url({ protocol: /^https?$/ }).refine((url) => !url.endsWith('/'), 'must not end with a slash'),
    { doc: 'the base URL of inventory, e.g. http://127.0.0.1:3002' },
  ),
  // The slowest pricing that can succeed, 7 rounds of two attempts, must end before the claim of a key does (30 s).
  inventoryTimeoutMs: setting(z.coerce.number().int().min(1).max(2000), {
    doc: 'the longest wait for one answer of inventory',
    unit: 'ms',
    default: 2000,
  }),
});

export type OrdersSettings = Settings<typeof ordersSettings>;

/** What `migrate` needs, as the owner of the tables. */
export const storeSettings = defineSettings(databaseSettings);
