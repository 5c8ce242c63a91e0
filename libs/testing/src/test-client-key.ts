import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestKey } from './test-issuer.js';

export type TestKeyFile = Awaited<ReturnType<typeof writeKeyFile>>;

/** Writes a private key to a file of its own, as the setting `CLIENT_KEY_FILE` names one. */
export async function writeKeyFile(key: Pick<TestKey, 'privateKey'>) {
  const folder = await mkdtemp(join(tmpdir(), 'client-key-'));
  const path = join(folder, 'client-key.private.pem');
  const write = async (next: Pick<TestKey, 'privateKey'>) => {
    const draft = `${path}.draft`;
    await writeFile(draft, next.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await rename(draft, path);
  };
  await write(key);
  return {
    path,
    /** Puts another key in its place, without a moment in which there is no whole file. */
    replace: write,
    remove: () => rm(folder, { recursive: true }),
  };
}
