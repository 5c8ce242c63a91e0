/**
 * `node infra/bootstrap.mjs run dist/scenarios/encrypted-token/read.js TOKEN [SERVICE]`: prints each segment of a token. With
 * SERVICE it decrypts the token with the private key of this service, and prints the signed token that was in it.
 */
import { defaultStateDir } from '../../infra/local/state-dir.js';
import { tokenDecryptionKeyFile } from '../../infra/system/token-keys.js';
import { decryptToken, readSegments } from './holders.js';

const [token = '', service] = process.argv.slice(2);
if (service === undefined) process.stdout.write(`${readSegments(token).join('\n')}\n`);
else {
  try {
    const signed = await decryptToken(token, tokenDecryptionKeyFile(defaultStateDir, service));
    process.stdout.write(`${signed}\n`);
  } catch (error) {
    process.stderr.write(`not with the key of ${service}: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
