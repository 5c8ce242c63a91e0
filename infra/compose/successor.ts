/** `docker compose run --rm successor trust-anchor|key-encryption-key`: makes the next key (docs/operations.md). */
import { exchangedKeys, makeSuccessor } from '../system/secrets.js';
import { services } from '../system/services.js';
import { stateDir } from './layout.js';

const key = exchangedKeys.find((name) => name === process.argv[2]);
if (key === undefined) {
  console.error(`Usage: docker compose run --rm successor ${exchangedKeys.join('|')}`);
  process.exitCode = 1;
} else {
  const { privateFile, publicFile } = makeSuccessor(stateDir, services, key);
  console.log(`private  ${privateFile}`);
  if (publicFile !== undefined) console.log(`public   ${publicFile}`);
}
