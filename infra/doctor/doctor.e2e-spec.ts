/** Runs `npm run doctor` on a production environment with real secrets, and on changes of it. */
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planEnvFile } from '../local/system-plan.js';
import { projectRoot } from '../project.js';
import { environmentFor, type SystemAddresses } from '../system/environment.js';
import { makeSecrets, secretPaths } from '../system/secrets.js';
import { guardedServices, services, type ServiceRow } from '../system/services.js';

const timeoutMs = 60_000;
jest.setTimeout(2 * timeoutMs);
const service = guardedServices[0]!.name;
const others = services.map(({ name }) => name).filter((name) => name !== service);
const supported = ['--node', '24.21.0'];
const byName = (url: (row: ServiceRow) => string) =>
  Object.fromEntries(services.map((row) => [row.name, url(row)]));

let folder: string;
let stateDir: string;
let environments: Record<string, Record<string, string>>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'test-doctor-'));
  stateDir = join(folder, 'state');
  makeSecrets(stateDir, services);
  const addresses: SystemAddresses = {
    stateDir,
    nodeEnv: 'production',
    listenHost: '0.0.0.0',
    issuer: 'https://auth.shop.example',
    databaseHosts: byName(({ name }) => `${name}-database`),
    postgresPort: 5432,
    natsHost: 'nats',
    natsPort: 4222,
    urls: byName(({ name, portOffset }) => `http://${name}:${3000 + portOffset}`),
    publicUrls: byName(({ name }) => `https://${name}.shop.example`),
    ports: Object.fromEntries(services.map(({ name, portOffset }) => [name, 3000 + portOffset])),
  };
  environments = Object.fromEntries(
    services.map((row) => [
      row.name,
      { ...environmentFor(row, 'main', addresses), TRUSTED_PROXIES: 'uniquelocal', DEMO_DATA: 'false' },
    ]),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs doctor on the environments, with variables of one service changed. */
function examine(service = 'auth', changes: Record<string, string> = {}, ...options: string[]) {
  const files = Object.entries(environments).map(([name, environment]) => {
    const file = join(folder, `${name}.env`);
    writeFileSync(file, planEnvFile({ ...environment, ...(name === service && changes) }));
    return `--env=${name}=${file}`;
  });
  return run(...files, ...supported, ...options);
}

function run(...args: string[]) {
  const program = join(projectRoot, 'dist/infra/doctor/doctor.js');
  const { PATH } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    timeout: timeoutMs,
    env: { PATH },
  });
  const findings = stdout.split('\n').filter((line) => line.startsWith('UNSAFE'));
  return { status, stdout, stderr, findings };
}

/** Every content of a secret file. */
function secrets(): string[] {
  const variables = Object.values(environments).flatMap((environment) => Object.entries(environment));
  const secretFile =
    /^(DATABASE_PASSWORD|NATS_NKEY_SEED|CLIENT_KEY|KEY_ENCRYPTION_KEY|TRUST_ANCHOR_PRIVATE)_FILES?$/;
  const files = variables.filter(([name]) => secretFile.test(name)).map(([, path]) => path);
  return files.map((path) => readFileSync(path, 'utf8').trim());
}

describe('a safe production environment', () => {
  it('is green, and each rule is listed', () => {
    const { status, stdout, stderr } = examine();
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ok {6}production-mode +NODE_ENV is `production`, or not set$/m);
    expect(stdout).toContain('Nothing unsafe was found.');
    expect(stdout).not.toContain('not checked');
  });

  it('is judged as far as it is given', () => {
    const { status, stdout } = run(`--env=${service}=${join(folder, `${service}.env`)}`, ...supported);
    expect([status, stdout]).toEqual([
      0,
      expect.stringContaining(`not checked: ${others.join(', ')}, because`),
    ]);
  });
});

describe('an unsafe change gives its finding alone', () => {
  const weakFile = () => join(folder, 'weak');
  afterEach(() => rmSync(weakFile(), { force: true }));

  it.each([
    ['auth', { NODE_ENV: 'development' }, 'UNSAFE  production-mode  (auth)'],
    [service, { RESOURCE_URL: 'http://things.shop.example' }, `UNSAFE  valid-settings  (${service})`],
    ['auth', { CORS_ALLOWED_ORIGINS: '*' }, 'UNSAFE  valid-settings  (auth)'],
    [service, { DATABASE_HOST: 'db.shop.example' }, `UNSAFE  private-connections  (${service})`],
  ])('%s %j', (name, change, line) => {
    const { status, findings } = examine(name, change);
    expect([status, findings]).toEqual([1, [line]]);
  });

  it('a file that others can read', () => {
    const file = join(secretPaths.of(stateDir, service), 'nats.nk');
    chmodSync(file, 0o644);
    const { status, findings, stdout } = examine();
    chmodSync(file, 0o600);
    expect([status, findings]).toEqual([1, [`UNSAFE  private-files  (${service})`]]);
    expect(stdout).toContain(`NATS_NKEY_SEED_FILE: ${file} can be read or changed by others (mode 644)`);
  });

  it('the secret of another service', () => {
    copyFileSync(join(secretPaths.of(stateDir, service), 'nats.nk'), weakFile());
    chmodSync(weakFile(), 0o600);
    const { findings, stdout } = examine('auth', { TRUST_ANCHOR_PRIVATE_FILE: weakFile() });
    expect(findings).toEqual(['UNSAFE  valid-settings  (auth)', `UNSAFE  distinct-secrets  (${service})`]);
    expect(stdout).toContain('it is the secret in TRUST_ANCHOR_PRIVATE_FILE of auth');
  });

  it('a short password, which the report does not repeat', () => {
    writeFileSync(weakFile(), 'swordfish', { mode: 0o600 });
    const { status, findings, stdout } = examine(service, { DATABASE_PASSWORD_FILE: weakFile() });
    expect([status, findings]).toEqual([1, [`UNSAFE  strong-secrets  (${service})`]]);
    for (const secret of ['swordfish', ...secrets()]) expect(stdout).not.toContain(secret);
  });

  it('that was decided otherwise, and is still shown', () => {
    const { status, stdout } = examine(service, { LOG_LEVEL: 'debug' }, '--accept=log-level');
    expect([status, stdout]).toEqual([
      0,
      expect.stringContaining(`accepted  log-level  ${service} LOG_LEVEL: it is debug`),
    ]);
  });
});

describe('the environment of npm start', () => {
  it('is judged as development, with its findings', () => {
    const { status, stdout, findings } = run(`--state-dir=${stateDir}`, ...supported);
    expect([status, stdout]).toEqual([1, expect.stringContaining('It is made for development')]);
    expect(findings).toContain(`UNSAFE  production-mode  (${services.map(({ name }) => name).join(', ')})`);
    expect(findings).toContain('UNSAFE  trusted-proxies  (auth)');
    expect(stdout).toContain('ISSUER: production needs an https issuer');
  });

  it('is missing if nothing was started', () => {
    const { status, stderr } = run(`--state-dir=${join(folder, 'nothing')}`);
    expect([status, stderr]).toEqual([2, expect.stringContaining('Run npm start once')]);
  });
});
