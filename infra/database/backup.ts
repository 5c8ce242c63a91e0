/** `npm run backup -- FOLDER [--state-dir DIR]`: backs up the system of a state folder, which must not run. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStateDir } from '../local/state-dir.js';
import { SetupError } from '../system/setup-error.js';
import { pathFromUser, readArguments, runCommand } from '../run-command.js';
import { backUp } from './state-backup.js';

const usage = 'npm run backup -- FOLDER [--state-dir DIR]';

await runCommand(async () => {
  const { positionals, values } = readArguments(usage, () =>
    parseArgs({ allowPositionals: true, options: { 'state-dir': { type: 'string' } } }),
  );
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0)
    throw new SetupError('bad_argument', `Give one folder for the backup. Usage: ${usage}`);
  const target = pathFromUser(folder);
  await backUp(resolve(values['state-dir'] ?? defaultStateDir), target);
  console.log(`Wrote ${target}/database.tar.gz and ${target}/secrets.tar.gz.
Whoever has both can sign as auth. Keep them in different places.`);
});
