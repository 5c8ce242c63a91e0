/**
 * A backup is a folder with two archives. Together they are all of auth: who has both can sign. So they can be kept in
 * different places.
 *
 *   database.tar.gz   the database cluster, with the databases of all services
 *   secrets.tar.gz    secrets/, public/ and credentials.json of the state folder
 *
 * Both have the same random `backup-id`: the secrets of one backup do not fit the database of another.
 *
 * A backup holds no proof of what auth has published: no statement and nothing of NATS. A restore keeps the proofs that the
 * state folder has. So auth notices that its database is older than they are.
 */
import { SetupError } from '../system/setup-error.js';

/** The files of a backup. */
export const archives = { database: 'database.tar.gz', secrets: 'secrets.tar.gz' } as const;

/** The file in each archive that shows which two belong together. */
export const idFile = 'backup-id';

/** What `secrets.tar.gz` holds of a state folder. */
export const secretParts = ['secrets', 'public', 'credentials.json'] as const;

/** What the archives do not hold, as a pattern of tar: the lock file of PostgreSQL, and the statements of services. */
export const leftOut = { database: './postmaster.pid', secrets: 'secrets/*/statements/*' } as const;

/** An error of the file system as one line. Other errors have a message already. */
export function inOneLine(error: unknown, problem: string): SetupError {
  if (error instanceof SetupError) return error;
  const { message } = error as Error;
  return new SetupError('child_failed', `${problem}: ${message}.`, { cause: error });
}
