/** Every setting of auth. Durations are seconds unless the name says otherwise. */
import { algorithmNames, type AlgorithmName } from '#jws';
import {
  databaseSettings,
  defineSettings,
  httpSettings,
  natsSettings,
  secretFiles,
  setting,
  trustSettings,
  wholeNumber,
  type Settings,
} from '#service-kit';
import { readAnchor } from '#statements';
import { z } from 'zod';
import { StatementSigner } from './anchor/statement-signer.js';

/** The longest life of a token that may be accepted anywhere: NATS keeps what was revoked for that time. */
export const LONGEST_TOKEN_SECONDS = 3600;

const seconds = wholeNumber(1);
const algorithm = z.enum(algorithmNames as [AlgorithmName]);

export const authSettings = defineSettings(
  {
    ...httpSettings,
    ...databaseSettings,
    ...natsSettings,
    ...trustSettings,
    trustAnchorPrivate: secretFiles({
      env: 'TRUST_ANCHOR_PRIVATE_FILE',
      doc: 'a PEM file (PKCS#8, P-256): the private half of the trust anchor; while it is exchanged several, separated by commas, the oldest first',
    }),
    statementCopy: setting(z.string().optional(), {
      env: 'STATEMENT_COPY_FILE',
      doc: 'a file beside the trust anchor that keeps a copy of the last statement, to notice a database that was restored',
      developmentOnly: true,
    }),
    rotationSeconds: setting(wholeNumber(0), {
      doc: 'the age at which the signing key is rotated, give or take a tenth; 0 never rotates by itself',
      unit: 's',
      default: 7 * 24 * 3600,
    }),
    keyEncryptionKey: secretFiles({
      doc: 'one or several files, separated by commas, with 32 random bytes in base64 each: the first seals signing keys, all open them',
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
    clockSkewSeconds: setting(wholeNumber(0, 5), {
      doc: 'the tolerated difference of clocks',
      unit: 's',
      default: 5,
    }),
    statementSeconds: setting(seconds, { doc: 'the life of a key-set statement', unit: 's', default: 900 }),
    statementIntervalSeconds: setting(seconds, {
      doc: 'the age at which a key-set statement is issued anew',
      unit: 's',
      default: 5,
    }),
    countedSeconds: setting(seconds, {
      doc: 'how long after its last acknowledgement a verifier is waited for',
      unit: 's',
      default: 25,
      // Whoever is passed over must be past the 15 s in which it answers for unknown kids by itself.
      inProduction: { expected: 'at least 20', accepts: (value) => value >= 20 },
    }),
    jwksMaxAgeSeconds: setting(seconds, {
      doc: 'how long third parties may cache the JWKS',
      unit: 's',
      default: 300,
    }),
    passwordMinLength: setting(wholeNumber(8), {
      doc: 'the least length of a password; SP 800-63B-4 asks for 15 where it is the only factor',
      unit: 'characters',
      default: 15,
    }),
    passwordHashConcurrency: setting(wholeNumber(1, 64), {
      doc: 'how many passwords are hashed at once; each takes 19 MiB and a core for about 12 ms',
      default: 2,
    }),
    failedLoginsPerAccount: setting(wholeNumber(1), {
      doc: 'failed logins allowed for an account in the window',
      default: 10,
    }),
    failedLoginsPerAddress: setting(wholeNumber(1), {
      doc: 'failed logins allowed from an address in the window',
      default: 100,
    }),
    failedLoginWindowSeconds: setting(seconds, {
      doc: 'the window in which failed logins are counted',
      unit: 's',
      default: 900,
    }),
    registrationsPerAddress: setting(wholeNumber(1), {
      doc: 'registrations allowed from an address in the window',
      default: 20,
    }),
    registrationWindowSeconds: setting(seconds, {
      doc: 'the window in which registrations are counted',
      unit: 's',
      default: 900,
    }),
  },
  [
    ({ statementSeconds, statementIntervalSeconds, maxTokenSeconds, clockSkewSeconds }) =>
      // Whoever lacks a key is at 503 before a token of that key can reach it, and a revoked key's tokens are dead
      // before its tombstone is trimmed.
      statementSeconds - statementIntervalSeconds < maxTokenSeconds + clockSkewSeconds
        ? 'STATEMENT_SECONDS: too short. Expected: at least MAX_TOKEN_SECONDS + CLOCK_SKEW_SECONDS + STATEMENT_INTERVAL_SECONDS'
        : undefined,
    ({ maxTokenSeconds }) =>
      maxTokenSeconds > LONGEST_TOKEN_SECONDS
        ? `MAX_TOKEN_SECONDS: too long. Expected: at most ${LONGEST_TOKEN_SECONDS}, because NATS keeps revocations for that time`
        : undefined,
    ({ accessTokenSeconds, maxTokenSeconds }) =>
      accessTokenSeconds > maxTokenSeconds
        ? 'ACCESS_TOKEN_SECONDS: longer than MAX_TOKEN_SECONDS, up to which verifiers accept tokens'
        : undefined,
    ({ trustAnchorPrivate, trustAnchorPublic }) => anchorFault(trustAnchorPrivate, trustAnchorPublic),
  ],
);

/** An anchor that is not pinned here is pinned nowhere: every verifier would refuse every statement. */
function anchorFault(privatePems: readonly string[], pins: readonly string[]): string | undefined {
  try {
    const pinned = pins.map((pem) => readAnchor(pem).thumbprint);
    if (privatePems.every((pem) => pinned.includes(new StatementSigner(pem).kid))) return undefined;
    return 'TRUST_ANCHOR_PRIVATE_FILE: not the private half of any key in TRUST_ANCHOR_PUBLIC_FILE';
  } catch (error) {
    return `TRUST_ANCHOR_PRIVATE_FILE or TRUST_ANCHOR_PUBLIC_FILE: ${(error as Error).message}`;
  }
}

export type AuthSettings = Settings<typeof authSettings>;

/** Injection token of the {@link AuthSettings}. */
export const SETTINGS = Symbol('auth-settings');

/**
 * Injection token of whether this process is the service. A command that an operator runs beside it is not: it judges no
 * token, does no rounds, and writes no file, since it may run as another user.
 */
export const IS_SERVICE = Symbol('is-service');

/** What `migrate`, as the owner of the tables, needs. */
export const storeSettings = defineSettings(databaseSettings);

/** auth's own name: the audience of tokens for its `/admin` routes, and its account in NATS. */
export const SERVICE = 'auth';

/** The scopes that its routes ask for. */
declare module '#trust/nest' {
  interface ScopeRegistry {
    'accounts:manage': true;
    'keys:manage': true;
  }
}
