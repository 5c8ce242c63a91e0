/** `npm run restore -- FOLDER [--force] [--state-dir DIR]`: restores a backup into a state folder, whose system must not run. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStateDir } from '../local/state-dir.js';
import { SetupError } from '../system/setup-error.js';
import { pathFromUser, readArguments, runCommand } from '../run-command.js';
import { restore } from './state-restore.js';

const usage = 'npm run restore -- FOLDER [--force] [--state-dir DIR]';
const withProof =
  'Start the system. If auth published something after the backup, it signs nothing until: npm run keys -- recover';
const withoutProof =
  'There is no proof here of what auth published after the backup. What was revoked since is accepted again, until you do what docs/operations.md says under "Restore on a new machine".';

await runCommand(async () => {
  const { positionals, values } = readArguments(usage, () =>
    parseArgs({
      allowPositionals: true,
      options: { force: { type: 'boolean', default: false }, 'state-dir': { type: 'string' } },
    }),
  );
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0)
    throw new SetupError('bad_argument', `Give the folder of one backup. Usage: ${usage}`);
  const stateDir = resolve(values['state-dir'] ?? defaultStateDir);
  const { hasProof } = await restore(stateDir, pathFromUser(folder), values);
  console.log(`Restored ${stateDir}.\n${hasProof ? withProof : withoutProof}`);
});
