/** The arguments of `npm run keys`. */
import { parseArgs } from 'node:util';
import { isAlgorithmName } from '#jws';
import { keyRevocationReasons } from '#statements';

export const USAGE = `npm run keys -- list                                       every key and its state
npm run keys -- rotate [--alg ES256] [--wait-for-third-parties]
                                                           make the standby, or a new key, active; with the option, wait
                                                           until no third party can hold a cached JWKS without the key
npm run keys -- revoke KID --reason CODE [--note TEXT] [--standby]
                                                           revoke a key; CODE: unspecified, compromised or superseded;
                                                           --note: is not published; --standby: every prepared key too
npm run keys -- anchor [--drop SERVICE/INSTANCE] [--proceed]
                                                           show which verifier pins which trust anchor; --drop: forget
                                                           a verifier that has vanished; --proceed: sign with the next
                                                           anchor now, also if verifiers do not pin it
npm run keys -- recover                                    replace all keys after the database was restored from a backup
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

/** Reads a command and its options. @throws Error if they do not match {@link USAGE} */
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
