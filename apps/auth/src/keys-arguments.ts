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
npm run keys -- reseal                                     seal all keys under the first key-encryption key
npm run keys -- clients                                    every client, its state and its keys
npm run keys -- disable-client CLIENT                      give a client no token, and refuse those that it got
npm run keys -- enable-client CLIENT                       give it tokens again, once no service refuses them
npm run keys -- client-keys FILE [--end-others [--at-once]]
                                                           register the keys of a file {client_id, jwks: {keys}};
                                                           --end-others: the first key of the file is in use, and the
                                                           client's other keys end in 5 minutes; --at-once: now
npm run keys -- rotate-client SERVICE [--compromised]      exchange the client key of a service, under npm start (for
                                                           containers see docs/operations.md); --compromised: the old key
                                                           ends now, and the client is disabled until you enable it`;

/** `rotate-client` is in neither list: it changes files of a service, which auth cannot read. */
const commands = ['list', 'rotate', 'anchor', 'recover', 'reseal', 'clients'];
const commandsWithArgument = ['revoke', 'disable-client', 'enable-client', 'client-keys'];

const options = {
  alg: { type: 'string' },
  reason: { type: 'string' },
  note: { type: 'string' },
  standby: { type: 'boolean', default: false },
  drop: { type: 'string', multiple: true, default: [] as string[] },
  proceed: { type: 'boolean', default: false },
  'end-others': { type: 'boolean', default: false },
  'at-once': { type: 'boolean', default: false },
  'wait-for-third-parties': { type: 'boolean', default: false },
} as const;

export type KeyArguments = ReturnType<typeof readArguments>;

/** Reads a command and its options. @throws Error if they do not match {@link USAGE} */
export function readArguments(argv: readonly string[]) {
  const parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
  const {
    positionals: [command, argument, ...more],
    values: { alg, reason, drop, proceed, 'end-others': endOthers, 'at-once': atOnce },
  } = parsed;
  const isComplete = (argument === undefined ? commands : commandsWithArgument).includes(command ?? '');
  const hasReason = command !== 'revoke' || keyRevocationReasons.some((code) => code === reason);
  const fits =
    (command === 'anchor' || (drop.length === 0 && !proceed)) &&
    (command === 'client-keys' || !endOthers) &&
    (endOthers || !atOnce);
  const areNames = drop.every((name) => /^[^/]+\/[^/]+$/.test(name));
  const isAlgorithm = alg === undefined || isAlgorithmName(alg);
  if (!isComplete || !hasReason || !fits || !areNames || !isAlgorithm || more.length > 0)
    throw new Error('unknown arguments');
  return parsed;
}
