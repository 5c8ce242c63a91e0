import type { ServiceSettings } from './scenario-system.js';

/** Settings under which a key leaves the key set soon after a rotation: seconds where production has minutes. */
export function keyChangePeriods(tokenSeconds: number): ServiceSettings {
  return {
    auth: {
      ACCESS_TOKEN_SECONDS: `${tokenSeconds}`,
      MAX_TOKEN_SECONDS: `${tokenSeconds}`,
      CLOCK_SKEW_SECONDS: '1',
      STATEMENT_INTERVAL_SECONDS: '1',
      STATEMENT_SECONDS: '60',
      COUNTED_SECONDS: '4',
      JWKS_MAX_AGE_SECONDS: '1',
      ROTATION_SECONDS: '0',
    },
  };
}
