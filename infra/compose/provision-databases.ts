/** The one-shot program `databases`: makes the database and the two roles of each service. A second run changes nothing. */
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
console.log(`The databases and roles are ready: ${services.map(({ name }) => name).join(', ')}`);
