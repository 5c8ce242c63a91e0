/** `docker compose run --rm credentials [demo|admin]`: prints the generated logins, or one of them as JSON. */
import { readCredentials } from '../system/secrets.js';
import { stateDir } from './layout.js';

const people = readCredentials(stateDir);
const [who] = process.argv.slice(2);
if (who === 'demo' || who === 'admin') {
  console.log(JSON.stringify(people[who]));
} else {
  if (process.env['DEMO_DATA'] !== 'false')
    console.log(`demo user  ${people.demo.email}  ${people.demo.password}`);
  console.log(`admin      ${people.admin.email}  ${people.admin.password}`);
}
