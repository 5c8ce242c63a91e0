/** The one-shot `databases` of the composition: each service's database and its two roles. Safe to run again. */
import { planDatabase, provisionDatabase } from '../system/service-database.js';
import { readSecret, secretPaths } from '../system/secrets.js';
import { services } from '../system/services.js';
import { containerAddresses, databaseHost, stateDir } from './layout.js';

const password = readSecret(secretPaths.superuserPassword(stateDir));
const { postgresPort: port } = containerAddresses(services);
for (const { name } of services) {
  const superuser = { host: databaseHost(name), port, user: 'postgres', password };
  await provisionDatabase(superuser, planDatabase(name, stateDir));
}
console.log(`Databases and roles are in place: ${services.map(({ name }) => name).join(', ')}`);
