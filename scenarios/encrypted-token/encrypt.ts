/**
 * `node infra/bootstrap.mjs run dist/scenarios/encrypted-token/encrypt.js TEXT SERVICE`: encrypts any text for a service, with
 * nothing but the public key of this service.
 */
import { defaultStateDir } from '../../infra/local/state-dir.js';
import { tokenEncryptionKeysFile } from '../../infra/system/token-keys.js';
import { encryptFor } from './holders.js';

const [text = '', service = ''] = process.argv.slice(2);
process.stdout.write(`${encryptFor(service, text, tokenEncryptionKeysFile(defaultStateDir))}\n`);
