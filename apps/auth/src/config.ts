/** Every setting of auth. A duration is in seconds unless its name says otherwise. */
import { algorithmNames, type AlgorithmName } from '#jws';
import {
  baseUrl,
  databaseSettings,
  defineSettings,
  httpSettings,
  listOf,
  natsSettings,
  secretFile,
  secretFiles,
  setting,
  trustSettings,
  wholeNumber,
  type Settings,
} from '#service-kit/base';
import { readAnchor } from '#statements';
import { z } from 'zod';
import { audiences } from './accounts/scopes.js';
import { StatementSigner } from './anchor/statement-signer.js';
import { readEncryptFor } from './tokens/token-encryption.js';

/** The greatest MAX_TOKEN_SECONDS that is allowed: NATS keeps each revocation for this time, in seconds. */
export const LONGEST_TOKEN_SECONDS = 3600;

const seconds = wholeNumber(1);

/** Reads `things=https://things.example`. */
const resource = z.string().transform((text, context) => {
  const [, audience, url] = /^([a-z][a-z0-9-]*)=(.*)$/.exec(text) ?? [];
  const { success, data } = baseUrl.safeParse(url);
  if (audience !== undefined && success) return { audience, url: data };
  context.addIssue(`not an audience and a base URL with "=" between them`);
  return z.NEVER;
});
const algorithm = z.enum(algorithmNames as [AlgorithmName]);

export const authSettings = defineSettings(
  {
    ...httpSettings,
    ...databaseSettings,
    ...natsSettings,
    ...trustSettings,
    trustAnchorPrivate: secretFiles({
      env: 'TRUST_ANCHOR_PRIVATE_FILE',
      doc: 'a PEM file (PKCS#8, P-256) with the private half of the trust anchor; during an anchor exchange several files, separated by commas, the oldest anchor first',
    }),
    statementCopy: setting(z.string().optional(), {
      env: 'STATEMENT_COPY_FILE',
      doc: 'the file for the statement copy; with this copy auth notices a database that was restored from a backup',
      developmentOnly: true,
    }),
    rotationSeconds: setting(wholeNumber(0), {
      doc: 'the age at which auth rotates the signing key by itself, 10 % more or less; 0: auth never rotates by itself',
      unit: 's',
      default: 7 * 24 * 3600,
    }),
    keyEncryptionKey: secretFiles({
      doc: 'one or several files, separated by commas, each with a key-encryption key: 32 random bytes in base64; the first one seals signing keys, and all of them open seals',
      schema: z
        .string()
        .refine((text) => Buffer.from(text, 'base64').length === 32, 'not 32 bytes in base64'),
    }),
    signingAlg: setting<AlgorithmName>(algorithm, {
      doc: `the algorithm of the first signing key: ${algorithmNames.join(', ')}`,
      default: 'ES256',
    }),
    rsaModulusBits: setting(wholeNumber(2048, 4096), {
      doc: 'the size of new RSA keys',
      unit: 'bits',
      default: 2048,
    }),
    accessTokenSeconds: setting(seconds, {
      doc: 'the life of new access tokens; at most MAX_TOKEN_SECONDS',
      unit: 's',
      default: 300,
    }),
    encryptFor: secretFile({
      env: 'TOKEN_ENCRYPTION_KEYS_FILE',
      doc: 'a JSON file with a member for each audience whose access tokens are encrypted: its public JWK (P-256); not for auth itself',
      schema: z.string().transform(readEncryptFor).optional(),
    }),
    clockSkewSeconds: setting(wholeNumber(0, 5), {
      doc: 'the greatest difference between two clocks that is tolerated',
      unit: 's',
      default: 5,
    }),
    statementSeconds: setting(seconds, { doc: 'the life of a key-set statement', unit: 's', default: 900 }),
    statementIntervalSeconds: setting(seconds, {
      doc: 'the age at which auth replaces a key-set statement by a new one',
      unit: 's',
      default: 5,
    }),
    countedSeconds: setting(seconds, {
      doc: 'how long a rotation still waits for a verifier after the last acknowledgement of this verifier',
      unit: 's',
      default: 25,
      // After 15 s a key ring is unconfirmed, and its verifier asks auth before it refuses an unknown key. Only then
      // may
      // a rotation stop waiting for it.
      inProduction: { expected: 'at least 20', accepts: (value) => value >= 20 },
    }),
    jwksMaxAgeSeconds: setting(seconds, {
      doc: 'how long third parties may cache the JWKS',
      unit: 's',
      default: 300,
    }),
    passwordMinLength: setting(wholeNumber(8), {
      doc: 'the least length of a password; SP 800-63B-4 asks for 15 if the password is the only factor',
      unit: 'characters',
      default: 15,
    }),
    passwordHashConcurrency: setting(wholeNumber(1, 64), {
      doc: 'how many passwords are hashed at the same time; each takes 19 MiB of memory and one core for about 12 ms',
      default: 2,
    }),
    failedLoginsPerAccount: setting(wholeNumber(1), {
      doc: 'how many failed logins one account may have in the window',
      default: 10,
    }),
    failedLoginsPerAddress: setting(wholeNumber(1), {
      doc: 'how many failed logins one network address may send in the window',
      default: 100,
    }),
    failedLoginWindowSeconds: setting(seconds, {
      doc: 'the time window for the limits on failed logins',
      unit: 's',
      default: 900,
    }),
    registrationsPerAddress: setting(wholeNumber(1), {
      doc: 'how many registrations one network address may send in the window',
      default: 20,
    }),
    registrationWindowSeconds: setting(seconds, {
      doc: 'the time window for the limit on registrations',
      unit: 's',
      default: 900,
    }),
    refreshIdleSeconds: setting(seconds, {
      doc: 'how long a refresh token is good if it is not used',
      unit: 's',
      default: 7 * 24 * 3600,
    }),
    refreshAbsoluteSeconds: setting(seconds, {
      doc: 'how long after the login refresh tokens are good; then the account must log in again',
      unit: 's',
      default: 30 * 24 * 3600,
    }),
    refreshGraceSeconds: setting(wholeNumber(0, 60), {
      doc: 'how long a used refresh token may be sent again, for a retry or a second tab, before that counts as theft',
      unit: 's',
      default: 10,
    }),
    refreshesPerAddress: setting(wholeNumber(1), {
      doc: 'how many refreshes one network address may send in a minute',
      default: 600,
    }),
    resources: listOf(resource, {
      env: 'RESOURCE_URLS',
      doc: 'the RESOURCE_URL of each service by its name, e.g. things=http://localhost:3003, separated by commas; a client may name a service by this URL as `resource` when it asks for a token',
      default: [],
      inProduction: {
        expected: 'https URLs',
        accepts: (resources) => resources.every(({ url }) => url.startsWith('https:')),
      },
    }),
  },
  [
    ({ statementSeconds, statementIntervalSeconds, maxTokenSeconds, clockSkewSeconds }) =>
      // A statement lives at least as long as a token. So the key ring of a verifier that lacks a key has expired (503)
      // before a token of that key can reach it. And all tokens of a revoked key expire before `revoked` stops naming
      // it.
      statementSeconds - statementIntervalSeconds < maxTokenSeconds + clockSkewSeconds
        ? 'STATEMENT_SECONDS: too short. Expected: at least MAX_TOKEN_SECONDS + CLOCK_SKEW_SECONDS + STATEMENT_INTERVAL_SECONDS'
        : undefined,
    ({ maxTokenSeconds }) =>
      maxTokenSeconds > LONGEST_TOKEN_SECONDS
        ? `MAX_TOKEN_SECONDS: too long. Expected: at most ${LONGEST_TOKEN_SECONDS}, because NATS keeps revocations for that time`
        : undefined,
    ({ accessTokenSeconds, maxTokenSeconds }) =>
      accessTokenSeconds > maxTokenSeconds
        ? 'ACCESS_TOKEN_SECONDS: too long. Expected: at most MAX_TOKEN_SECONDS, because verifiers refuse longer tokens'
        : undefined,
    ({ encryptFor }) => {
      // auth reads tokens of each audience at its own routes, and it has no decryption key.
      const readers = audiences.filter((name) => name !== SERVICE);
      return [...(encryptFor?.keys() ?? [])].every((name) => readers.includes(name))
        ? undefined
        : `TOKEN_ENCRYPTION_KEYS_FILE: names an audience that is not allowed. Expected: ${readers.join(', ')}`;
    },
    ({ trustAnchorPrivate, trustAnchorPublic }) => anchorFault(trustAnchorPrivate, trustAnchorPublic),
  ],
);

/** Refuses an anchor that auth itself does not pin: other verifiers probably do not pin it either. */
function anchorFault(privatePems: readonly string[], pins: readonly string[]): string | undefined {
  try {
    const pinned = pins.map((pem) => readAnchor(pem).thumbprint);
    if (privatePems.every((pem) => pinned.includes(new StatementSigner(pem).kid))) return undefined;
    return 'TRUST_ANCHOR_PRIVATE_FILE: holds a key whose public half is not in TRUST_ANCHOR_PUBLIC_FILE';
  } catch (error) {
    return `TRUST_ANCHOR_PRIVATE_FILE or TRUST_ANCHOR_PUBLIC_FILE: ${(error as Error).message}`;
  }
}

export type AuthSettings = Settings<typeof authSettings>;

/** Injection token of the {@link AuthSettings}. */
export const SETTINGS = Symbol('auth-settings');

/**
 * Injection token of a boolean: true in the service, false in a command of an operator. A command checks no tokens and
 * does no work by timer. It writes no file, because it may run as another user.
 */
export const IS_SERVICE = Symbol('is-service');

/** The settings of `migrate`, which connects as the owner of the tables. */
export const storeSettings = defineSettings(databaseSettings);

/** auth's own name: the audience of tokens for its `/admin` routes, and the name of its NATS account. */
export const SERVICE = 'auth';

/** The scopes that auth's own routes require. */
declare module '#trust/nest' {
  interface ScopeRegistry {
    'accounts:manage': true;
    'keys:manage': true;
  }
}
