/** What `npm run keys` is called with. */
import { parseArgs } from 'node:util';
import { isAlgorithmName } from '#jws';
import { keyRevocationReasons } from '#statements';

export const USAGE = `npm run keys -- list                                       every key and its state
npm run keys -- rotate [--alg ES256] [--wait-for-third-parties]
                                                           make the standby, or a new key, active; with the option only
                                                           once no third party can hold a cached JWKS without it
npm run keys -- revoke KID --reason CODE [--note TEXT] [--standby]
                                                           revoke a key: unspecified, compromised or superseded; the note
                                                           is not published; --standby: every prepared key too
npm run keys -- anchor [--drop SERVICE/INSTANCE] [--proceed]
                                                           show who pins which trust anchor; --drop: wait no more
                                                           for one that vanished; --proceed: sign with the next
                                                           anchor now, whoever lacks its pin
npm run keys -- recover                                    go on after the database was restored from a backup
npm run keys -- reseal                                     seal all keys under the first key-encryption key`;

const commands = ['list', 'rotate', 'revoke', 'anchor', 'recover', 'reseal'];

const options = {
  alg: { type: 'string' },
  reason: { type: 'string' },
  note: { type: 'string' },
  standby: { type: 'boolean', default: false },
  drop: { type: 'string', multiple: true, default: [] as string[] },
  proceed: { type: 'boolean', default: false },
  'wait-for-third-parties': { type: 'boolean', default: false },
} as const;

export type KeyArguments = ReturnType<typeof readArguments>;

/** Reads a command and its options. @throws Error if they are not as {@link USAGE} says */
export function readArguments(argv: readonly string[]) {
  const parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
  const {
    positionals: [command, kid, ...more],
    values: { alg, reason, drop, proceed },
  } = parsed;
  const isReason = keyRevocationReasons.some((code) => code === reason);
  const isComplete = command === 'revoke' ? kid !== undefined && isReason : kid === undefined;
  const isKnown = commands.includes(command ?? '');
  const fits = command === 'anchor' || (drop.length === 0 && !proceed);
  const areNames = drop.every((name) => /^[^/]+\/[^/]+$/.test(name));
  const isAlgorithm = alg === undefined || isAlgorithmName(alg);
  if (!isKnown || !isComplete || !fits || !areNames || !isAlgorithm || more.length > 0)
    throw new Error('unknown arguments');
  return parsed;
}
