/** What a command checks before it removes or replaces a state folder: a wrong path must not cost somebody their files. */
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { SetupError } from '../system/setup-error.js';
import { statePaths } from './state-dir.js';

/** What our commands make in a state folder. */
const known =
  /^(launchers|client-keys|secrets|public|postgres|nats|logs|stamps|restoring|running\.json|children\.json(\.draft)?|credentials\.json(\.\d+\.draft)?|[a-z][a-z0-9-]*\.env)$/;

/** Refuses a folder of another user: the database cluster of a system is in another place for each user. */
export function requireOwn(stateDir: string, uid = process.getuid?.()): void {
  const owner = existsSync(stateDir) ? statSync(stateDir).uid : uid;
  if (owner === uid) return;
  throw new SetupError(
    'bad_argument',
    `${stateDir} belongs to another user (uid ${owner}). Run this command as that user.`,
  );
}

/**
 * Refuses a folder that is not a state folder of this user. A folder that is empty or does not exist is accepted, and so is
 * the folder of a start that failed.
 * @throws SetupError `bad_argument`
 */
export function requireStateDir(stateDir: string): void {
  requireOwn(stateDir);
  const fault = faultOf(stateDir);
  if (fault === undefined) return;
  throw new SetupError('bad_argument', `${stateDir} is not a state folder: ${fault}. Nothing has changed.`);
}

/**
 * Refuses a state folder in which a restore was killed while it replaced files: a start would make new secrets beside them.
 * @throws SetupError `state_damaged`
 */
export function requireWhole(stateDir: string): void {
  if (!existsSync(statePaths.replaced(stateDir))) return;
  throw new SetupError(
    'state_damaged',
    `A restore into ${stateDir} was killed before it had finished. Repeat it: npm run restore -- FOLDER --force`,
  );
}

function faultOf(stateDir: string): string | undefined {
  const entry = lstatSync(stateDir, { throwIfNoEntry: false });
  if (entry === undefined) return undefined;
  if (!existsSync(stateDir) || !statSync(stateDir).isDirectory()) return 'it is no folder';
  const names = readdirSync(stateDir);
  const foreign = names.find((name) => !known.test(name));
  if (foreign !== undefined) return `it has ${foreign}, which no command of this repository makes`;
  // A folder with `public` and `logs` can be anything. Every start makes its claim first.
  const claims = lstatSync(statePaths.launchers(stateDir), { throwIfNoEntry: false });
  if (names.length > 0 && !claims?.isDirectory())
    return 'it has no launchers/, which every start makes first';
  return undefined;
}
