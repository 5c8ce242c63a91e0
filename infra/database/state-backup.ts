/** Makes a backup (backup-format.ts) of a system that is stopped. */
import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { interruptible } from '../interruption.js';
import { SetupError } from '../system/setup-error.js';
import { pack } from './archive.js';
import { archives, idFile, inOneLine, leftOut, secretParts } from './backup-format.js';
import { makeDraft, requireNewFolder } from './backup-target.js';
import { entriesOf, isThere } from './entries.js';
import { clusterOf, requireState, withStopped } from './state-postgres.js';
import { removeAll } from './swap.js';

const proofs = /^secrets\/[^/]+\/statements\//;

/**
 * Writes a backup into a new folder, which only this user can read.
 * @throws SetupError `bad_argument` if there is no system, if it has what a backup cannot hold, or if the folder cannot be
 * made · `already_running` · `child_failed` if an archive cannot be written, or after a signal. Then there is no new folder.
 */
export async function backUp(stateDir: string, target: string): Promise<void> {
  requireState(stateDir);
  requireNewFolder(stateDir, target);
  await interruptible((signal) =>
    withStopped(stateDir, async () => {
      requirePlain(clusterOf(stateDir), ['']);
      requirePlain(stateDir, secretParts);
      const draft = makeDraft(target);
      try {
        await packAll(stateDir, draft, signal);
        renameSync(draft, target);
      } catch (error) {
        throw inOneLine(error, `${target} cannot be made`);
      } finally {
        removeAll([draft]);
      }
    }),
  );
}

async function packAll(stateDir: string, draft: string, signal: AbortSignal): Promise<void> {
  const id = { folder: draft, names: [idFile] };
  const cluster = { folder: clusterOf(stateDir), names: ['.'] };
  const secrets = { folder: stateDir, names: secretParts };
  writeFileSync(join(draft, idFile), randomUUID(), { mode: 0o600 });
  await pack(join(draft, archives.database), [cluster, id], { without: leftOut.database, signal });
  await pack(join(draft, archives.secrets), [secrets, id], { without: leftOut.secrets, signal });
  rmSync(join(draft, idFile));
}

/** A restore refuses links, because a link can lead out of the state folder. So a backup with a link would be of no use. */
function requirePlain(folder: string, parts: readonly string[]): void {
  for (const part of parts.filter((name) => isThere(join(folder, name))))
    for (const { path, kind } of entriesOf(folder, part))
      if (kind === 'strange' && !proofs.test(path))
        throw new SetupError(
          'bad_argument',
          `${join(folder, path)} is neither a file nor a folder, and a backup cannot hold it. If it is a link, put in its place what it leads to.`,
        );
}
