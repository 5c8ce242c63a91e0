/**
 * Makes `docker-compose.yml` and `compose.tls.yml` from the table of services. A new row of the table gets its replicas,
 * database, network, volumes and one-shot programs.
 */
import { join } from 'node:path';
import { environmentFor, isGenerated, type Program } from '../system/environment.js';
import { clientKeySteps, clientsOf } from '../system/client-keys.js';
import { secretPaths } from '../system/secrets.js';
import type { ServiceRow } from '../system/services.js';
import {
  containerAddresses,
  databaseHost,
  natsMonitorPort,
  natsPaths,
  portOf,
  postgresGroup,
  proxyData,
  publishedPort,
  serverFolders,
  stateDir,
  volumeName,
  volumes,
} from './layout.js';

/**
 * The number of replicas of a service: two of auth, and of each service that customers use. `docker compose up --scale auth=3`
 * changes it.
 */
const replicasOf = ({ trust, guardedRoute }: ServiceRow): number =>
  trust === 'issuer' || guardedRoute?.role === 'customer' ? 2 : 1;

/** Generated variables that `.env` may still set: during a key exchange they name the files of two keys (operations.md). */
const exchanged = ['KEY_ENCRYPTION_KEY_FILES', 'TRUST_ANCHOR_PRIVATE_FILE', 'TRUST_ANCHOR_PUBLIC_FILE'];

const generated =
  '# Generated from infra/compose/compose-file.ts by `npm run generate`. Edit that, not this.\n';

/** Makes docker-compose.yml. */
export function composeFile(rows: readonly ServiceRow[]): string {
  const callers = rows.filter(({ calls }) => calls.length > 0);
  return `${generated}# \`docker compose up\` needs no .env and no secrets made by hand. See docs/operations.md.

# The limits of every container: no capability, no new privileges, a read-only root file system, bounded memory.
x-held: &held
  cap_drop: [ALL]
  security_opt: ['no-new-privileges:true']
  read_only: true
  init: true
  pids_limit: 128
  mem_limit: 384m

# A one-shot program. Other containers start after it has ended.
x-once: &once
  <<: *held
  restart: 'no'

# A server. It is restarted after a crash. When it is stopped, it ends by itself within 20 s.
x-server: &server
  <<: *held
  restart: unless-stopped
  stop_grace_period: 30s

x-tools: &tools
  image: \${COMPOSE_PROJECT_NAME}-tools
  build: { context: ., args: { PART: tools } }

services:
  # Makes the secrets of this installation, each in the volume of its reader. In a later run they stay as they are.
  setup:
    <<: [*tools, *once]
    command: [dist/infra/compose/setup.js]
    network_mode: none
    # PostgreSQL has a user of its own, which must be able to read the superuser's password.
    group_add: ['${postgresGroup}']
    volumes:
${list(volumes(rows).map(({ path }) => mount(path, 'rw')))}

  postgres:
    <<: *server
    image: postgres:17.12-alpine
    user: '${postgresGroup}:${postgresGroup}'
    mem_limit: 512m
    environment:
      POSTGRES_PASSWORD_FILE: ${secretPaths.superuserPassword(stateDir)}
      POSTGRES_INITDB_ARGS: --data-checksums
    shm_size: 128m
    tmpfs: ['/tmp', '/run/postgresql:uid=${postgresGroup},gid=${postgresGroup},mode=3775']
    volumes:
      - ${mount(secretPaths.of(stateDir, 'postgres'))}
      - postgres-data:/var/lib/postgresql/data
    networks:
${rows.map(({ name }) => `      data-${name}: { aliases: [${databaseHost(name)}] }`).join('\n')}
    depends_on: ${after({ setup: 'done' })}
    # Over TCP: during initialisation PostgreSQL answers on its Unix socket only.
    healthcheck: ${healthcheck('pg_isready', '--quiet', '--host=127.0.0.1', '--username=postgres')}

  nats:
    <<: *server
    image: nats:2.15-alpine
    user: '1000:1000'
    command: ['--config', '${join(natsPaths.config, 'nats.conf')}']
    volumes:
      - ${mount(natsPaths.config)}
      - ${mount(natsPaths.data, 'rw')}
    networks: [bus]
    depends_on: ${after({ setup: 'done' })}
    healthcheck: ${healthcheck('wget', '--quiet', '--output-document=-', `http://127.0.0.1:${natsMonitorPort}/healthz`)}

  # Makes a database and two roles for each service. Only this program logs in as PostgreSQL's superuser.
  databases:
    <<: [*tools, *once]
    command: [dist/infra/compose/provision-databases.js]
    group_add: ['${postgresGroup}']
    volumes:
${list(databaseFolders(rows).map((path) => mount(path)))}
    networks: [${rows.map(({ name }) => `data-${name}`).join(', ')}]
    depends_on: ${after({ postgres: 'healthy' })}

${rows.map((row) => serviceBlocks(row, rows)).join('\n')}
  # The only container that this machine can reach. Its program file asks for NET_BIND_SERVICE and does not start without
  # it. The proxy itself listens above port 1024.
  proxy:
    <<: *server
    image: caddy:2.11
    user: '1000:1000'
    cap_add: [NET_BIND_SERVICE]
    volumes:
      - ./infra/compose/Caddyfile:/etc/caddy/Caddyfile:ro
    tmpfs: ['/config', '/data']
    ports:
${list(rows.map((row) => `'127.0.0.1:${publishedPort(row)}:${portOf(row)}'`))}
    networks: [outside, edge]
    depends_on: ${after(Object.fromEntries(rows.map(({ name }) => [name, 'healthy'])))}
    healthcheck: ${healthcheck('wget', '--quiet', '--output-document=-', 'http://127.0.0.1:2020')}

  # docker compose run --rm credentials [demo|admin]
  credentials:
    <<: [*tools, *once]
    profiles: [tools]
    entrypoint: [node, dist/infra/compose/credentials.js]
    network_mode: none
    environment: { DEMO_DATA: '\${DEMO_DATA-true}' }
    volumes:
      - ${mount(stateDir)}
    depends_on: ${after({ setup: 'done' })}

  # docker compose run --rm successor trust-anchor|key-encryption-key
  successor:
    <<: [*tools, *once]
    profiles: [tools]
    entrypoint: [node, dist/infra/compose/successor.js]
    network_mode: none
    volumes:
      - ${mount(secretPaths.of(stateDir, issuerOf(rows)), 'rw')}
      - ${mount(secretPaths.public(stateDir), 'rw')}
    depends_on: ${after({ setup: 'done' })}

  # docker compose run --rm client-key ${clientsOf(rows).join('|')} ${clientKeySteps.join('|')}
  client-key:
    <<: [*tools, *once]
    profiles: [tools]
    entrypoint: [node, dist/infra/compose/client-key.js]
    network_mode: none
    volumes:
${list(clientsOf(rows).map((name) => mount(secretPaths.of(stateDir, name), 'rw')))}
      - ${mount(secretPaths.public(stateDir), 'rw')}
    depends_on: ${after({ setup: 'done' })}

  # docker compose run --rm tour. It shares the network of the proxy, so it uses the same URLs as you do. In one step it
  # plays a service that calls another one, so it gets the secrets of such services, too.
  tour:
    <<: [*tools, *once]
    profiles: [tools]
    entrypoint: [node, dist/infra/tour/tour.js, --port-base, '${portOf(rows[0]!)}', --state-dir, ${stateDir}, --replicas]
    network_mode: service:proxy
    volumes:
${list([stateDir, ...callers.map(({ name }) => secretPaths.of(stateDir, name))].map((path) => mount(path)))}
    depends_on: ${after({ proxy: 'healthy' })}

# From an internal network nothing outside can be reached. A service reaches the proxy on edge, NATS and other services on
# bus, and its database on a network of its own.
networks:
  outside:
  edge: { internal: true }
  bus: { internal: true }
${rows.map(({ name }) => `  data-${name}: { internal: true }`).join('\n')}

volumes:
  postgres-data:
${volumes(rows)
  .map(({ name }) => `  ${name}:`)
  .join('\n')}
`;
}

/** Makes compose.tls.yml. The proxy speaks TLS, so the issuer is https, and the services run in production mode. */
export function tlsComposeFile(rows: readonly ServiceRow[]): string {
  const addresses = containerAddresses(rows, 'production');
  const { nodeEnv } = addresses;
  const once = (row: ServiceRow) =>
    (row.seed === 'none' ? ['migrate'] : ['migrate', 'seed'])
      .map((program) => `  ${program}-${row.name}: { environment: { NODE_ENV: ${nodeEnv} } }\n`)
      .join('');
  const publicUrls = (row: ServiceRow) =>
    Object.entries(environmentFor(row, 'main', addresses))
      .filter(([name]) => ['ISSUER', 'RESOURCE_URL', 'RESOURCE_URLS'].includes(name))
      .map(([name, value]) => `      ${name}: '${value}'\n`)
      .join('');
  const server = (row: ServiceRow) => `${once(row)}  ${row.name}:
    environment:
      NODE_ENV: ${nodeEnv}
${publicUrls(row)}${row.trust === 'issuer' ? "      JWKS_MAX_AGE_SECONDS: '${JWKS_MAX_AGE_SECONDS-300}'\n" : ''}`;
  return `${generated}# docker compose -f docker-compose.yml -f compose.tls.yml up
# The same URLs with https. The proxy is its own certificate authority; docs/operations.md says how to trust it.
services:
${rows.map(server).join('\n')}
  proxy:
    volumes:
      - ./infra/compose/Caddyfile.tls:/etc/caddy/Caddyfile:ro
      - ${mount(proxyData, 'rw')}

  tour:
    entrypoint: [node, dist/infra/tour/tour.js, --port-base, '${portOf(rows[0]!)}', --state-dir, ${stateDir}, --replicas, --https]
    environment:
      NODE_EXTRA_CA_CERTS: ${join(proxyData, 'pki/authorities/local/root.crt')}
    volumes:
      - ${mount(proxyData)}
`;
}

function serviceBlocks(row: ServiceRow, rows: readonly ServiceRow[]): string {
  const { name } = row;
  const migrate = `migrate-${name}`;
  const seed = `seed-${name}`;
  const isIssuer = row.trust === 'issuer';
  const image = `image: \${COMPOSE_PROJECT_NAME}-${name}\n    build: { context: ., args: { PART: ${name} } }`;
  const prepared = row.seed === 'none' ? migrate : seed;
  const once = (program: Program, folders: string[], needs: string) => `  ${program}-${name}:
    <<: *once
    ${image}
    command: [dist/apps/${name}/src/${program}.js]
    environment:
${environment(row, rows, program)}
    volumes:
${list(folders.map((path) => mount(path)))}
    networks: [data-${name}]
    depends_on: ${needs}
`;
  const blocks = [
    once('migrate', [secretPaths.of(stateDir, `${name}-owner`)], after({ databases: 'done' })),
    ...(row.seed === 'none'
      ? []
      : [
          once(
            'seed',
            [
              ...(row.seed === 'accounts' ? [stateDir, secretPaths.public(stateDir)] : []),
              secretPaths.of(stateDir, name),
            ],
            after({ [migrate]: 'done' }),
          ),
        ]),
    `  ${name}:
    <<: *server
    ${image}
    deploy: { replicas: ${replicasOf(row)} }
    # Your own settings, if this file exists. docs/config.md lists all settings.
    env_file: [{ path: .env, required: false }]
    environment:
${environment(row, rows, 'main')}
    volumes:
${list([
  ...serverFolders(row).map((path) => mount(path)),
  mount(secretPaths.statements(stateDir, name), 'rw'),
])}
    networks: [edge, bus, data-${name}]
    depends_on: ${after({ [prepared]: 'done', nats: 'healthy', ...(isIssuer ? {} : { [issuerOf(rows)]: 'healthy' }) })}
    # ${isIssuer ? 'Live is enough: without its database, auth still serves its last statement.' : 'Ready: it has a current key set and its database.'}
    healthcheck: ${healthcheck('node', '-e', probe(row))}
`,
  ];
  return blocks.join('\n');
}

function environment(row: ServiceRow, rows: readonly ServiceRow[], program: Program): string {
  const { PATH: _, ...own } = environmentFor(row, program, containerAddresses(rows));
  const behindProxy = { TRUSTED_PROXIES: 'uniquelocal', SHUTDOWN_DELAY_MS: '1500' };
  const more = { main: behindProxy, migrate: {}, seed: { DEMO_DATA: 'true' } }[program];
  const all = { ...own, ...more };
  return Object.entries(all)
    .map(
      ([name, value]) =>
        `      ${name}: '${isGenerated(name) && !exchanged.includes(name) ? value : `\${${name}-${value}}`}'`,
    )
    .join('\n');
}

function databaseFolders(rows: readonly ServiceRow[]): string[] {
  return ['postgres', ...rows.flatMap(({ name }) => [name, `${name}-owner`])].map((name) =>
    secretPaths.of(stateDir, name),
  );
}

function issuerOf(rows: readonly ServiceRow[]): string {
  return rows.find(({ trust }) => trust === 'issuer')!.name;
}

/** A health check in JavaScript: the image has Node, so it needs no shell and no other program. */
function probe(row: ServiceRow): string {
  const url = `http://127.0.0.1:${portOf(row)}/health/${row.trust === 'issuer' ? 'live' : 'ready'}`;
  return `fetch('${url}').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;
}

function healthcheck(...command: string[]): string {
  const test = JSON.stringify(['CMD', ...command]);
  return `{ test: ${test}, start_period: 60s, start_interval: 1s, interval: 10s, timeout: 5s, retries: 3 }`;
}

function after(needs: Readonly<Record<string, string>>): string {
  const condition = (state: string) =>
    state === 'done' ? 'service_completed_successfully' : 'service_healthy';
  const entries = Object.entries(needs).map(([name, state]) => `${name}: { condition: ${condition(state)} }`);
  return `{ ${entries.join(', ')} }`;
}

/** A new volume takes its owner from the folder of the first image that mounts it. This is the image of `setup`. */
function mount(path: string, mode: 'ro' | 'rw' = 'ro'): string {
  return mode === 'ro' ? `${volumeName(path)}:${path}:ro` : `${volumeName(path)}:${path}`;
}

function list(items: readonly string[]): string {
  return items.map((item) => `      - ${item}`).join('\n');
}
