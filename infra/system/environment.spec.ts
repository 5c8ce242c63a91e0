import { describe, expect, it } from '@jest/globals';
import { environmentFor, isGenerated, type SystemAddresses } from './environment.js';
import type { ServiceRow } from './services.js';
import { specServices as services } from './spec-services.js';

const portOf = ({ portOffset }: ServiceRow) => 4000 + portOffset;
const byName = <T>(value: (row: ServiceRow) => T): Record<string, T> =>
  Object.fromEntries(services.map((row) => [row.name, value(row)]));
const system: SystemAddresses = {
  stateDir: '/state',
  listenHost: '127.0.0.1',
  issuer: 'http://localhost:4000',
  databaseHosts: byName(() => '127.0.0.1'),
  postgresPort: 4010,
  natsHost: '127.0.0.1',
  natsPort: 4011,
  ports: byName(portOf),
  urls: byName((row) => `http://127.0.0.1:${portOf(row)}`),
  publicUrls: byName((row) => `http://localhost:${portOf(row)}`),
  nodeEnv: 'development',
};
const auth = services[0]!;
const orders: ServiceRow = { ...services[1]!, calls: ['inventory'] };
const inventory: ServiceRow = { ...services[2]!, calls: [] };
const others = services.slice(1);

describe('the environment of a program', () => {
  it('a server gets the addresses of the issuer, NATS, its database and the services that it calls', () => {
    expect(environmentFor(orders, 'main', system)).toEqual({
      PATH: process.env['PATH'],
      NODE_ENV: 'development',
      LOG_LEVEL: 'info',
      HOST: '127.0.0.1',
      PORT: '4001',
      DATABASE_HOST: '127.0.0.1',
      DATABASE_PORT: '4010',
      DATABASE_NAME: 'orders',
      DATABASE_USER: 'orders',
      DATABASE_PASSWORD_FILE: '/state/secrets/orders/database-password',
      NATS_URL: 'nats://127.0.0.1:4011',
      NATS_NKEY_SEED_FILE: '/state/secrets/orders/nats.nk',
      ISSUER: 'http://localhost:4000',
      ISSUER_FETCH_URL: 'http://127.0.0.1:4000',
      TRUST_ANCHOR_PUBLIC_FILE: '/state/public/trust-anchor.pem',
      TRUST_STATEMENT_FILE: '/state/secrets/orders/statements/last-statement.jwt',
      RESOURCE_URL: 'http://localhost:4001',
      CLIENT_KEY_FILE: '/state/secrets/orders/client-key.private.pem',
      INVENTORY_URL: 'http://127.0.0.1:4002',
    });
  });

  it('.env cannot change its addresses, names and files', () => {
    const all = services.flatMap((row) => Object.keys(environmentFor(row, 'main', system)));
    const open = [...new Set(all)].filter((name) => name !== 'PATH' && !isGenerated(name));
    expect(open.sort()).toEqual(['JWKS_MAX_AGE_SECONDS', 'LOG_LEVEL']);
  });

  it('only auth gets the names of the files with private halves; a service that calls another gets its own client key', () => {
    const isPrivate = (value: string) => /private|key-encryption/.test(value);
    const privateFiles = (row: ServiceRow) =>
      Object.values(environmentFor(row, 'main', system)).filter(isPrivate);
    const clientKeys = ({ name, calls }: ServiceRow) =>
      calls.length === 0 ? [] : [`/state/secrets/${name}/client-key.private.pem`];
    expect(services.map(privateFiles)).toEqual([
      ['/state/secrets/auth/trust-anchor.private.pem', '/state/secrets/auth/key-encryption-key'],
      ...others.map(clientKeys),
    ]);
    expect([orders, inventory].map(privateFiles).map(({ length }) => length)).toEqual([1, 0]);
  });

  it('auth knows each other service by the URL that this service has for itself', () => {
    const of = (row: ServiceRow) => environmentFor(row, 'main', system);
    const own = others.map((row) => `${row.name}=${of(row)['RESOURCE_URL']}`);
    expect(own.slice(0, 2)).toEqual(['orders=http://localhost:4001', 'inventory=http://localhost:4002']);
    expect(services.map((row) => of(row)['RESOURCE_URLS'])).toEqual([
      own.join(','),
      ...others.map(() => undefined),
    ]);
    expect(of(auth)).not.toHaveProperty('RESOURCE_URL');
  });

  it('migrations run as the owner, and get nothing but the database', () => {
    const environment = environmentFor(auth, 'migrate', system);
    expect(environment).toMatchObject({
      DATABASE_USER: 'auth_owner',
      DATABASE_PASSWORD_FILE: '/state/secrets/auth-owner/database-password',
    });
    const others = Object.keys(environment).filter((name) => !name.startsWith('DATABASE_'));
    expect(others.sort()).toEqual(['LOG_LEVEL', 'NODE_ENV', 'PATH']);
  });

  it('seeds run as the runtime role, and only the seed of auth gets the logins', () => {
    expect(environmentFor(inventory, 'seed', system)).toMatchObject({ DATABASE_USER: 'inventory' });
    expect(environmentFor(inventory, 'seed', system)).not.toHaveProperty('SEED_CREDENTIALS_FILE');
    expect(environmentFor(auth, 'seed', system)).toMatchObject({
      DATABASE_USER: 'auth',
      SEED_CREDENTIALS_FILE: '/state/credentials.json',
      SEED_CLIENT_FILES: others.map(({ name }) => `/state/public/${name}.client.json`).join(','),
    });
  });

  it('a called service without an address is an error', () => {
    expect(() => environmentFor({ ...orders, calls: ['no_service'] }, 'main', system)).toThrow(
      'The service no_service has no address.',
    );
  });

  it('the URL of a called service is in a variable without dashes', () => {
    const callee = { ...system, urls: { ...system.urls, 'gift-cards': 'http://127.0.0.1:4090' } };
    const environment = environmentFor({ ...orders, calls: ['gift-cards'] }, 'main', callee);
    expect(environment).toMatchObject({ GIFT_CARDS_URL: 'http://127.0.0.1:4090' });
    expect(Object.keys(environment).join()).not.toContain('-');
  });
});
