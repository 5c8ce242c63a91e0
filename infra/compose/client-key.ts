/** `docker compose run --rm client-key SERVICE prepare|place|settle`: a step of exchanging a client key (docs/operations.md). */
import {
  clientKeySteps,
  clientsOf,
  placeClientKey,
  prepareClientKey,
  settleClientKey,
} from '../system/client-keys.js';
import { secretPaths } from '../system/secrets.js';
import { services } from '../system/services.js';
import { stateDir } from './layout.js';

const [, , named, step, ...options] = process.argv;
const clients = clientsOf(services);
const service = clients.find((name) => name === named);
const afresh = step === 'prepare' && options[0] === '--afresh';
if (
  service === undefined ||
  !clientKeySteps.some((name) => name === step) ||
  options.length > Number(afresh)
) {
  console.error(
    `Usage: docker compose run --rm client-key ${clients.join('|')} ${clientKeySteps.join('|')} [--afresh]`,
  );
  process.exitCode = 1;
} else {
  if (step === 'prepare') prepareClientKey(stateDir, service, { afresh });
  if (step === 'place') placeClientKey(stateDir, service);
  if (step === 'settle') settleClientKey(stateDir, service);
  console.log(secretPaths.client(stateDir, service));
}
