/**
 * `node infra/bootstrap.mjs run dist/scenarios/key-compromise/forge.js AUDIENCE SCOPE [active|prepared]`: prints a token
 * that auth never issued, signed with a private key out of the running system's own database.
 */
import { defaultStateDir, readRunning } from '../../infra/local/state-dir.js';
import { guardedServices } from '../../infra/system/services.js';
import { forge, openDatabase, stealKeys } from './stolen-key.js';

const [aud = guardedServices[0]!.name, scope = `${aud}:read ${aud}:write`, wanted = 'active'] =
  process.argv.slice(2);
const running = readRunning(defaultStateDir);
if (running === undefined) throw new Error('Nothing to steal from: start the system with npm start.');
const victim = { stateDir: defaultStateDir, issuer: running.issuer, postgresPort: running.postgres.port };
const database = await openDatabase(victim);
const key = (await stealKeys(victim, database)).find(({ status }) => status === wanted);
await database.end();
if (key === undefined) throw new Error(`There is no ${wanted} key.`);
process.stdout.write(`${forge(victim, key, { aud, scope })}\n`);
