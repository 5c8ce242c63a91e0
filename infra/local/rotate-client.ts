import { join } from 'node:path';
import { tryClaim } from '../claims.mjs';
import {
  isClientKeyPlaced,
  placeClientKey,
  prepareClientKey,
  settleClientKey,
} from '../system/client-keys.js';
import { secretPaths } from '../system/secrets.js';
import { SetupError } from '../system/setup-error.js';

interface ClientKeyRotation {
  readonly stateDir: string;
  /** A service that has a client key. */
  readonly service: string;
  /** Whether somebody else may have the present key. */
  readonly compromised: boolean;
  /** Runs a key command of auth. Rejects if the command fails. */
  readonly runKeys: (args: readonly string[]) => Promise<void>;
}

/**
 * Exchanges the client key of a service while it runs. auth accepts both keys until the service has used the new one for a
 * while. If this was interrupted, the same call goes on where it stopped.
 *
 * A key that may be stolen ends at once. First the client is disabled, so nobody gets a token with the old key, and the
 * tokens of the thief are refused. The client stays disabled.
 *
 * @throws SetupError `already_running` if another process exchanges a client key
 */
export async function rotateClientKey({
  stateDir,
  service,
  compromised,
  runKeys,
}: ClientKeyRotation): Promise<void> {
  const claim = tryClaim(join(stateDir, 'client-keys'));
  if (typeof claim !== 'function')
    throw new SetupError('already_running', `Process ${claim} exchanges a client key now.`);
  try {
    const file = secretPaths.client(stateDir, service);
    if (compromised) await runKeys(['disable-client', service]);
    if (compromised || !isClientKeyPlaced(stateDir, service)) {
      prepareClientKey(stateDir, service, { afresh: compromised });
      await runKeys(['client-keys', file]);
      placeClientKey(stateDir, service);
    }
    await runKeys(['client-keys', file, '--end-others', ...(compromised ? ['--at-once'] : [])]);
    settleClientKey(stateDir, service);
  } finally {
    claim();
  }
}
