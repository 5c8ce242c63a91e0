import { describe, expect, it } from '@jest/globals';
import { settingsOf } from '../system/service-settings.js';
import { services as rows } from '../system/services.js';
import { describeSettings } from '#service-kit/base';
import type { KeyFile } from './key-file.js';
import type { Deployment, ExaminedService } from './rule.js';
import { findingsOf, rules } from './rules.js';

const pin: KeyFile = {
  setting: 'TRUST_ANCHOR_PUBLIC_FILE',
  path: '/run/trust-anchor.pem',
  kind: 'public',
  mode: 0o644,
  inGit: false,
  fingerprint: 'anchor',
};
const secret = (setting: string, fingerprint: string): KeyFile => ({
  setting,
  path: `/run/${fingerprint}`,
  kind: 'secret',
  mode: 0o600,
  inGit: false,
  fingerprint,
});

const common = (name: string) => ({
  HOST: '0.0.0.0',
  LOG_LEVEL: 'info',
  CORS_ALLOWED_ORIGINS: ['https://shop.example'],
  TRUSTED_PROXIES: ['uniquelocal', '10.0.0.0/8'],
  BODY_LIMIT_BYTES: 65_536,
  DATABASE_HOST: `${name}-database`,
  DATABASE_NAME: name,
  DATABASE_USER: name,
  DATABASE_POOL_SIZE: 10,
  NATS_URL: 'nats://nats:4222',
  ISSUER: 'https://auth.shop.example',
  ISSUER_FETCH_URL: 'http://auth:3000',
  MAX_TOKEN_SECONDS: 300,
});
const resources = ['orders', 'inventory'].map((audience) => ({
  audience,
  url: `https://${audience}.shop.example`,
}));

const auth: ExaminedService = {
  name: 'auth',
  trust: 'issuer',
  calls: [],
  environment: { NODE_ENV: 'production', DEMO_DATA: 'false', NODE_OPTIONS: '--max-old-space-size=300' },
  values: {
    ...common('auth'),
    ACCESS_TOKEN_SECONDS: 300,
    STATEMENT_SECONDS: 900,
    JWKS_MAX_AGE_SECONDS: 300,
    ROTATION_SECONDS: 604_800,
    REFRESH_IDLE_SECONDS: 604_800,
    REFRESH_ABSOLUTE_SECONDS: 2_592_000,
    REFRESH_GRACE_SECONDS: 10,
    REFRESHES_PER_ADDRESS: 600,
    PASSWORD_MIN_LENGTH: 15,
    FAILED_LOGINS_PER_ACCOUNT: 10,
    FAILED_LOGINS_PER_ADDRESS: 100,
    FAILED_LOGIN_WINDOW_SECONDS: 900,
    REGISTRATIONS_PER_ADDRESS: 20,
    REGISTRATION_WINDOW_SECONDS: 900,
    RESOURCE_URLS: resources,
    DATABASE_PASSWORD_FILE: 'the content',
  },
  faults: [],
  files: [secret('TRUST_ANCHOR_PRIVATE_FILE', 'anchor'), pin],
  replicas: 2,
};
const verifier = (name: string, calls: string[]): ExaminedService => ({
  name,
  trust: 'verifier',
  calls,
  environment: {},
  values: {
    ...common(name),
    RESOURCE_URL: `https://${name}.shop.example`,
    TRUST_STATEMENT_FILE: `/var/${name}/last.jwt`,
    ...Object.fromEntries(calls.map((callee) => [`${callee.toUpperCase()}_URL`, `http://${callee}:3002`])),
  },
  faults: [],
  files: [secret('CLIENT_KEY_FILE', `client-key-of-${name}`), pin],
  replicas: 2,
});
const safe: Deployment = {
  services: [auth, verifier('orders', ['inventory']), verifier('inventory', [])],
  published: [{ container: 'proxy', port: '0.0.0.0:443' }],
  nodeVersion: '24.21.0',
  today: new Date('2026-11-27'),
};

type Change = (deployment: Deployment) => Deployment;
const at =
  (name: string, change: (service: ExaminedService) => Partial<ExaminedService>): Change =>
  (deployment) => ({
    ...deployment,
    services: deployment.services.map((service) =>
      service.name === name ? { ...service, ...change(service) } : service,
    ),
  });
const value = (name: string, setting: string, given: unknown) =>
  at(name, ({ values }) => ({ values: { ...values, [setting]: given } }));
const variable = (name: string, setting: string, given: string) =>
  at(name, ({ environment }) => ({ environment: { ...environment, [setting]: given } }));
const file = (name: string, index: number, facts: Partial<KeyFile>) =>
  at(name, ({ files }) => ({
    files: files.map((each, position) => (position === index ? { ...each, ...facts } : each)),
  }));
const addFile = (name: string, added: KeyFile) => at(name, ({ files }) => ({ files: [...files, added] }));
const everywhere =
  (...changes: Change[]): Change =>
  (deployment) =>
    changes.reduce((changed, change) => change(changed), deployment);
const isDay =
  (today: string): Change =>
  (deployment) => ({ ...deployment, today: new Date(today) });
const runsOn =
  (nodeVersion: string): Change =>
  (deployment) => ({ ...deployment, nodeVersion });

/** The rule, the change, and where it is found. */
const unsafe: [string, Change, string, string][] = [
  [
    'valid-settings',
    at('orders', () => ({ faults: ['PORT: not set. Expected: a port'] })),
    'orders PORT',
    'not set. Expected: a port',
  ],
  ['production-mode', variable('orders', 'NODE_ENV', 'development'), 'orders NODE_ENV', 'it is development'],
  ['no-inspector', variable('auth', 'NODE_OPTIONS', '--inspect=0.0.0.0'), 'auth NODE_OPTIONS', 'inspector'],
  [
    'certificates-checked',
    variable('orders', 'NODE_TLS_REJECT_UNAUTHORIZED', '0'),
    'orders NODE_TLS_REJECT_UNAUTHORIZED',
    'not checked',
  ],
  ['node-version', runsOn('20.20.2'), ' Node', 'has had no fixes since 2026-04-30'],
  ['node-version', runsOn('25.1.0'), ' Node', 'has no long-term support'],
  ['node-version', isDay('2028-05-02'), ' Node', '24.21.0 has had no fixes'],
  [
    'public-addresses',
    everywhere(...safe.services.map(({ name }) => value(name, 'ISSUER', 'https://localhost:3000'))),
    'auth ISSUER, orders ISSUER, inventory ISSUER',
    'name of this machine',
  ],
  [
    'public-addresses',
    everywhere(
      value('orders', 'RESOURCE_URL', 'https://127.0.0.1:3001'),
      value('auth', 'RESOURCE_URLS', [{ audience: 'orders', url: 'https://127.0.0.1:3001' }, resources[1]]),
    ),
    'orders RESOURCE_URL',
    'name of this machine',
  ],
  [
    'one-issuer',
    value('orders', 'ISSUER', 'https://login.shop.example'),
    'orders ISSUER',
    'https://auth.shop.example at auth',
  ],
  [
    'resource-urls',
    value('auth', 'RESOURCE_URLS', [resources[1]]),
    'auth RESOURCE_URLS',
    'orders=https://orders.shop.example is missing',
  ],
  [
    'private-connections',
    value('orders', 'DATABASE_HOST', 'db.shop.example'),
    'orders DATABASE_HOST',
    'not in a private network',
  ],
  [
    'private-connections',
    value('auth', 'NATS_URL', 'nats://nats.shop.example'),
    'auth NATS_URL',
    'the URL has no TLS',
  ],
  [
    'private-connections',
    value('orders', 'INVENTORY_URL', 'http://198.51.100.7'),
    'orders INVENTORY_URL',
    'the URL has no TLS',
  ],
  ['listen-address', value('auth', 'HOST', '198.51.100.7'), 'auth HOST', 'is a public address'],
  [
    'browser-origins',
    value('auth', 'CORS_ALLOWED_ORIGINS', ['https://shop.example', 'https://localhost:5173']),
    'auth CORS_ALLOWED_ORIGINS',
    'it allows https://localhost:5173',
  ],
  ['trusted-proxies', value('auth', 'TRUSTED_PROXIES', []), 'auth TRUSTED_PROXIES', 'it is empty'],
  [
    'trusted-proxies',
    value('orders', 'TRUSTED_PROXIES', ['0.0.0.0/1']),
    'orders TRUSTED_PROXIES',
    '0.0.0.0/1 has more',
  ],
  [
    'trusted-proxies',
    value('orders', 'TRUSTED_PROXIES', ['2000::/3']),
    'orders TRUSTED_PROXIES',
    '2000::/3 has more',
  ],
  [
    'published-ports',
    (deployment) => ({
      ...deployment,
      published: [{ container: 'postgres', port: '0.0.0.0:5432' }, ...safe.published],
    }),
    'postgres ports',
    'it publishes 0.0.0.0:5432',
  ],
  ['private-files', file('orders', 0, { mode: 0o640 }), 'orders CLIENT_KEY_FILE', 'by others (mode 640)'],
  ['private-files', file('orders', 1, { mode: 0o664 }), 'orders TRUST_ANCHOR_PUBLIC_FILE', 'can be changed'],
  ['secrets-outside-git', file('orders', 0, { inGit: true }), 'orders CLIENT_KEY_FILE', 'git has'],
  [
    'secrets-in-files',
    variable('auth', 'DATABASE_PASSWORD', 'hunter2'),
    'auth DATABASE_PASSWORD',
    'holds a secret',
  ],
  ['secrets-in-files', variable('orders', 'PGPASSWORD', 'hunter2'), 'orders PGPASSWORD', 'holds a secret'],
  [
    'distinct-secrets',
    file('inventory', 0, { fingerprint: 'client-key-of-orders' }),
    'inventory CLIENT_KEY_FILE',
    'it is the secret in CLIENT_KEY_FILE of orders',
  ],
  [
    'distinct-secrets',
    file('orders', 0, { fingerprint: 'anchor' }),
    'orders CLIENT_KEY_FILE',
    'TRUST_ANCHOR_PRIVATE_FILE of auth',
  ],
  ['strong-secrets', file('orders', 0, { weakness: 'it is short' }), 'orders CLIENT_KEY_FILE', 'it is short'],
  [
    'one-anchor',
    addFile('orders', { ...pin, path: '/run/other.pem', fingerprint: 'other' }),
    'orders TRUST_ANCHOR_PUBLIC_FILE',
    '/run/other.pem is not an anchor of auth',
  ],
  [
    'one-anchor',
    addFile('auth', { ...pin, fingerprint: 'next' }),
    'orders TRUST_ANCHOR_PUBLIC_FILE, inventory TRUST_ANCHOR_PUBLIC_FILE',
    'an anchor of auth is missing',
  ],
  [
    'statement-file',
    value('orders', 'TRUST_STATEMENT_FILE', undefined),
    'orders TRUST_STATEMENT_FILE',
    'it is not set',
  ],
  [
    'statement-file',
    value('inventory', 'TRUST_STATEMENT_FILE', '/var/orders/inventory.jwt'),
    'inventory TRUST_STATEMENT_FILE',
    'also that of orders',
  ],
  [
    'database-roles',
    value('orders', 'DATABASE_USER', 'orders_owner'),
    'orders DATABASE_USER',
    'may change tables',
  ],
  [
    'database-roles',
    value('orders', 'DATABASE_USER', 'postgres'),
    'orders DATABASE_USER',
    'may change tables',
  ],
  [
    'database-roles',
    value('inventory', 'DATABASE_NAME', 'orders'),
    'inventory DATABASE_NAME',
    'the same as at orders',
  ],
  ['no-demo-data', variable('auth', 'DEMO_DATA', 'true'), 'auth DEMO_DATA', 'it is true'],
  [
    'access-token-seconds',
    value('auth', 'ACCESS_TOKEN_SECONDS', 901),
    'auth ACCESS_TOKEN_SECONDS',
    'it is 901',
  ],
  [
    'max-token-seconds',
    everywhere(...safe.services.map(({ name }) => value(name, 'MAX_TOKEN_SECONDS', 901))),
    'auth MAX_TOKEN_SECONDS, orders MAX_TOKEN_SECONDS, inventory MAX_TOKEN_SECONDS',
    'it is 901',
  ],
  ['statement-seconds', value('auth', 'STATEMENT_SECONDS', 3601), 'auth STATEMENT_SECONDS', 'it is 3601'],
  [
    'jwks-max-age-seconds',
    value('auth', 'JWKS_MAX_AGE_SECONDS', 3601),
    'auth JWKS_MAX_AGE_SECONDS',
    'it is 3601',
  ],
  ['rotation-seconds', value('auth', 'ROTATION_SECONDS', 0), 'auth ROTATION_SECONDS', 'it is 0'],
  ['rotation-seconds', value('auth', 'ROTATION_SECONDS', 8e6), 'auth ROTATION_SECONDS', 'it is 8000000'],
  [
    'refresh-idle-seconds',
    everywhere(
      value('auth', 'REFRESH_IDLE_SECONDS', 2_592_001),
      value('auth', 'REFRESH_ABSOLUTE_SECONDS', 2_592_001),
    ),
    'auth REFRESH_IDLE_SECONDS',
    'it is 2592001',
  ],
  [
    'refresh-absolute-seconds',
    value('auth', 'REFRESH_ABSOLUTE_SECONDS', 8e6),
    'auth REFRESH_ABSOLUTE_SECONDS',
    'it is 8000000',
  ],
  ['refresh-grace-seconds', value('auth', 'REFRESH_GRACE_SECONDS', 31), 'auth REFRESH_GRACE_SECONDS', '31'],
  [
    'refresh-order',
    value('auth', 'REFRESH_ABSOLUTE_SECONDS', 3600),
    'auth REFRESH_IDLE_SECONDS',
    'more than',
  ],
  ['password-min-length', value('auth', 'PASSWORD_MIN_LENGTH', 14), 'auth PASSWORD_MIN_LENGTH', 'it is 14'],
  [
    'refreshes-per-address',
    value('auth', 'REFRESHES_PER_ADDRESS', 6001),
    'auth REFRESHES_PER_ADDRESS',
    'it is 6001',
  ],
  ['body-limit-bytes', value('orders', 'BODY_LIMIT_BYTES', 2e6), 'orders BODY_LIMIT_BYTES', 'it is 2000000'],
  [
    'failed-logins-per-account',
    value('auth', 'FAILED_LOGINS_PER_ACCOUNT', 26),
    'auth FAILED_LOGINS_PER_ACCOUNT',
    'it allows 104 in an hour',
  ],
  [
    'failed-logins-per-address',
    value('auth', 'FAILED_LOGINS_PER_ADDRESS', 1e6),
    'auth FAILED_LOGINS_PER_ADDRESS',
    'it allows 4000000 in an hour',
  ],
  [
    'registrations-per-address',
    value('auth', 'REGISTRATION_WINDOW_SECONDS', 60),
    'auth REGISTRATIONS_PER_ADDRESS',
    'it allows 1200 in an hour',
  ],
  [
    'one-token-limit',
    value('orders', 'MAX_TOKEN_SECONDS', 600),
    'orders MAX_TOKEN_SECONDS',
    'it is 600, and 300 at auth',
  ],
  [
    'database-connections',
    at('orders', () => ({ replicas: 6 })),
    ' DATABASE_POOL_SIZE',
    'they may open 100 connections',
  ],
  ['log-level', value('orders', 'LOG_LEVEL', 'debug'), 'orders LOG_LEVEL', 'it is debug'],
  ['log-level', value('orders', 'LOG_LEVEL', 'warn'), 'orders LOG_LEVEL', 'it is warn'],
];

describe('the rules', () => {
  it('find nothing in a safe deployment', () => {
    expect(findingsOf(safe)).toEqual([]);
  });

  it.each(unsafe)('%s: a change gives its finding and no other', (id, change, places, problem) => {
    const findings = findingsOf(change(safe));
    expect(findings.map(({ rule }) => rule.id)).toEqual(places.split(', ').map(() => id));
    expect(findings.map(({ service, setting }) => `${service ?? ''} ${setting}`).join(', ')).toBe(places);
    for (const finding of findings) expect(finding.problem).toContain(problem);
  });

  it('all stand in the table above, and each has its own name', () => {
    const ids = rules.map(({ id }) => id);
    expect([...new Set(unsafe.map(([id]) => id))].sort()).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('name settings that exist', async () => {
    const definitions = await Promise.all(rows.map(({ name }) => settingsOf(name)));
    const known = definitions.flatMap((definition) => describeSettings(definition).map(({ env }) => env));
    const notOfAService = ['DEMO_DATA', 'PGPASSWORD', 'NODE_OPTIONS', 'NODE_TLS_REJECT_UNAUTHORIZED'];
    const named = rules.flatMap(({ settings }) => settings).filter((name) => /^[A-Z_]+$/.test(name));
    const bare = known.map((name) => name.replace(/_FILES?$/, ''));
    expect(named.filter((name) => ![...known, ...bare, ...notOfAService].includes(name))).toEqual([]);
  });

  it('do not repeat a secret that stands in a variable', () => {
    const changed = everywhere(
      variable('auth', 'DATABASE_PASSWORD', 'hunter2-hunter2'),
      value('auth', 'NATS_URL', 'nats://user:hunter2-hunter2@nats.shop.example'),
    )(safe);
    const { length } = findingsOf(changed);
    expect([length, JSON.stringify(findingsOf(changed))]).toEqual([
      2,
      expect.not.stringContaining('hunter2'),
    ]);
  });
});
