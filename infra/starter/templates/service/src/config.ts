/** Every setting of sample. */
import {
  databaseSettings,
  defineSettings,
  httpSettings,
  natsSettings,
  verifierSettings,
  type Settings,
} from '#service-kit/base';

/** The name of this service: the audience of tokens for it, and the name of its NATS account. */
export const SERVICE = 'sample';

/** The scopes of its audience. */
declare module '#trust/nest' {
  interface ScopeRegistry {
    'sample:write': true;
  }
}

export const sampleSettings = defineSettings({
  ...httpSettings,
  ...databaseSettings,
  ...natsSettings,
  ...verifierSettings,
});

export type SampleSettings = Settings<typeof sampleSettings>;

/** The settings of `migrate`, which connects as the owner of the tables. */
export const storeSettings = defineSettings(databaseSettings);
