/** Groups of settings that services share. A process copies the groups that it needs into its own settings. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { parseJsonObject } from '#jws';
import { readAnchor } from '#statements';
import { readDecryptionKey } from '#trust/encryption-key';
import { holdsClientKey } from './calls/client-assertion.js';
import type { Settings } from './settings.js';
import { listOf, secretFile, secretFiles, setting } from './settings.js';
import { wholeNumber } from './whole-number.js';

const port = wholeNumber(1, 65_535);
const milliseconds = wholeNumber(1);

/**
 * A URL that is compared, or to which paths are appended. So it may not have parts after which a path would be wrong.
 */
export const baseUrl = z
  .url({ protocol: /^https?$/ })
  .refine((url) => !/[?#@]/.test(url), 'must not have a query, a fragment or a user')
  .refine((url) => !url.endsWith('/'), 'must not end with a slash');

/** For every process that serves HTTP. */
export const httpSettings = {
  nodeEnv: setting(z.enum(['development', 'production', 'test']), {
    doc: 'development, production or test',
    default: 'production',
  }),
  host: setting(z.string(), { doc: 'the address to listen on', default: '127.0.0.1' }),
  port: setting(port, { doc: 'the TCP port to listen on', unit: 'port' }),
  logLevel: setting(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), {
    doc: 'the lowest level that is logged: trace, debug, info, warn, error, fatal or silent',
    default: 'info',
  }),
  corsAllowedOrigins: listOf(
    z
      .string()
      .refine(isOrigin, 'not an origin such as https://app.example')
      // It is compared with what browsers send: lower case, and no port where the scheme implies it.
      .transform((text) => new URL(text).origin),
    {
      doc: 'the browser origins that may call this service; empty: none may',
      default: [],
      inProduction: {
        expected: 'https origins',
        accepts: (origins) => origins.every((origin) => origin.startsWith('https:')),
      },
    },
  ),
  trustedProxies: listOf(
    z.string().refine(isAddressRange, 'not an address, a range such as 10.1.0.0/16, loopback or uniquelocal'),
    {
      doc: 'the proxies whose X-Forwarded-For is believed: addresses, ranges, loopback or uniquelocal (private networks); empty: no proxy is believed',
      default: [],
    },
  ),
  // Together with the drain of 10 s, this stays below the limit of runService for the whole shutdown.
  shutdownDelayMs: setting(wholeNumber(0, 5000), {
    doc: 'how long the service still answers on open connections after SIGTERM, while it refuses new ones; behind a proxy, a little longer than the proxy keeps idle connections',
    unit: 'ms',
    default: 0,
  }),
  bodyLimitBytes: setting(wholeNumber(1024), {
    doc: 'the largest request body',
    unit: 'bytes',
    default: 65536,
  }),
};

/** For every process with a database. A migration gets the owner role here, and a service gets its runtime role. */
export const databaseSettings = {
  databaseHost: setting(z.string(), { doc: 'the host name or address of PostgreSQL' }),
  databasePort: setting(port, { doc: 'the TCP port of PostgreSQL', unit: 'port', default: 5432 }),
  databaseName: setting(z.string(), { doc: "the service's own database" }),
  databaseUser: setting(z.string(), { doc: 'the role to connect as' }),
  databasePassword: secretFile({ doc: 'a file that holds the password of the role' }),
  databasePoolSize: setting(wholeNumber(2, 100), {
    doc: 'the most connections that one process opens',
    unit: 'connections',
    default: 10,
  }),
  databaseStatementTimeoutMs: setting(milliseconds, {
    doc: 'the longest time that one query may run',
    unit: 'ms',
    default: 5000,
  }),
  databaseConnectTimeoutMs: setting(milliseconds, {
    doc: 'the longest wait for a connection, a new one or one from the pool',
    unit: 'ms',
    default: 3000,
  }),
  databaseConnectionSeconds: setting(wholeNumber(1, 86_400), {
    doc: 'the longest time that one connection is used; each new connection looks up the host name again',
    unit: 's',
    default: 1800,
  }),
};

/** For every `seed`, which writes the first data into the database of a service. */
export const seedSettings = {
  ...databaseSettings,
  demoData: setting(
    z.enum(['true', 'false']).transform((text) => text === 'true'),
    {
      doc: 'whether the first data holds the demo user and the demo products: true or false',
      default: true,
      developmentOnly: true,
    },
  ),
};

/** For every process that uses NATS. */
export const natsSettings = {
  natsUrl: setting(z.url({ protocol: /^(nats|tls)$/ }), {
    doc: 'the NATS server, e.g. nats://127.0.0.1:3011',
  }),
  natsNkeySeed: secretFile({ doc: "a file that holds the nkey seed of the service's own account" }),
};

/** For every process that verifies what the issuer has signed. */
export const trustSettings = {
  issuer: setting(baseUrl, {
    doc: 'the issuer, exactly as tokens name it; it is only compared, never connected to',
    inProduction: { expected: 'an https issuer', accepts: (url) => url.startsWith('https:') },
  }),
  issuerFetchUrl: setting(baseUrl, {
    doc: 'the base URL at which this process reaches the issuer',
    defaultFrom: 'issuer',
  }),
  maxTokenSeconds: setting(wholeNumber(1), {
    doc: 'the longest accepted lifetime of a token, the same at every service; auth keeps revocations that long',
    unit: 's',
    default: 300,
  }),
  trustAnchorPublic: secretFiles({
    env: 'TRUST_ANCHOR_PUBLIC_FILE',
    doc: 'one or several PEM files (SPKI), separated by commas: the pins (public halves of the trust anchors), the oldest first',
    schema: z.string().refine(isAnchor, 'not a PEM "PUBLIC KEY" (SPKI) of a P-256 key'),
  }),
};

/** For every process that receives the keys of the issuer from outside. */
export const verifierSettings = {
  ...trustSettings,
  resourceUrl: setting(baseUrl, {
    doc: 'the base URL of this service, as clients see it; with a path, a proxy must pass on the URL of the metadata (RFC 9728 section 3.1)',
    inProduction: { expected: 'an https URL', accepts: (url) => url.startsWith('https:') },
  }),
  trustStatementFile: setting(z.string().optional(), {
    doc: 'the file that keeps the last accepted statement for the next start, with revocations in files beside it; its folder must exist, be writable, and belong to the replicas of this service alone',
  }),
  tokenDecryptionKey: secretFile({
    doc: 'a file with a private JWK (P-256), to which auth encrypts the tokens for this service; with it, a token that is only signed is refused; without it, an encrypted one is',
    schema: z
      .string()
      .transform((text) => readDecryptionKey(parseJsonObject(Buffer.from(text), 'the file')).jwk)
      .optional(),
  }),
};

/** For every service that calls another one. It also needs `trustSettings`. */
export const callerSettings = {
  clientKeyFile: setting(z.string().refine(holdsClientKey, 'not a PEM file with an RSA or EC private key'), {
    doc: 'a PEM file (PKCS#8) with the private key by which this service authenticates at auth; it is read anew for each request to auth',
  }),
};

function isOrigin(text: string): boolean {
  return /^https?:\/\/[^/?#@\\*]+$/i.test(text) && URL.canParse(text);
}

/** Whether the server can match the address range. `/0` is refused, because then everybody could claim any address. */
function isAddressRange(text: string): boolean {
  if (text === 'loopback' || text === 'uniquelocal') return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || wholeNumber(1, version === 4 ? 32 : 128).safeParse(prefix).success;
}

function isAnchor(pem: string): boolean {
  try {
    readAnchor(pem);
    return true;
  } catch {
    return false;
  }
}

export type HttpSettings = Settings<typeof httpSettings>;
export type DatabaseSettings = Settings<typeof databaseSettings>;
export type NatsSettings = Settings<typeof natsSettings>;
