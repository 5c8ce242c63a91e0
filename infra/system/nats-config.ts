/**
 * Makes the configuration of nats-server from the table of services: which service may publish and receive what.
 *
 * Each service has an account of its own, for this reason. NATS checks no permission on the reply subject of a message,
 * and JetStream answers with its own rights. In a shared account, a service that may only read could name
 * `trust.keyset` as its reply subject. JetStream would then publish the answer there. Between accounts, only exported
 * subjects pass, so such an answer reaches its sender only. No service may create a consumer or read stream information.
 */
import { upperName } from './service-names.js';
import type { ServiceRow } from './services.js';

/** What the configuration depends on. */
interface NatsConfigOptions {
  rows: readonly ServiceRow[];
  /** The public nkey of each service, by name. */
  publicKeys: Readonly<Record<string, string>>;
  /** `127.0.0.1`, unless the server runs in a network of its own. */
  listenHost: string;
  port: number;
  /** The port on which `/healthz` answers on 127.0.0.1. Default: none. */
  monitorPort?: number;
  storeDir: string;
}

interface Account {
  name: string;
  jetstream: boolean;
  nkey: string;
  publish: string[];
  subscribe: string[];
  exports: string[];
  imports: string[];
}

const keysetByDirectGet = '$JS.API.DIRECT.GET.TRUST.trust.keyset';
const revocationsByDirectGet = '$JS.API.DIRECT.GET.REVOCATIONS';

/** Writes the configuration for nats-server 2.9 and later. @throws Error if a public nkey is missing. */
export function natsConfig(options: NatsConfigOptions): string {
  const { rows, publicKeys, listenHost, port, monitorPort, storeDir } = options;
  const accounts = rows.map((row) =>
    row.trust === 'issuer' ? issuerAccount(row, rows) : verifierAccount(row, rows),
  );
  for (const account of accounts) {
    const key = publicKeys[account.nkey];
    if (key === undefined) throw new Error(`The service ${account.nkey} has no public nkey.`);
    account.nkey = key;
  }
  return `# Generated from infra/system/services.ts. Edit that, not this.
listen: "${listenHost}:${port}"${monitorPort === undefined ? '' : `\nhttp: "127.0.0.1:${monitorPort}"`}
server_name: "nats"
max_payload: 512KB       # a key-set statement has at most 256 KiB
ping_interval: "5s"
ping_max: 2
write_deadline: "5s"
authorization { timeout: 10 } # seconds; the default of 2 is too short for a service that starts on a busy machine
jetstream { store_dir: ${JSON.stringify(storeDir)}, max_memory_store: 64MB, max_file_store: 1GB }
accounts {
${accounts.map(renderAccount).join('\n')}
}
`;
}

function issuerAccount(issuer: ServiceRow, rows: readonly ServiceRow[]): Account {
  const verifiers = rows.filter((row) => row.trust === 'verifier').map((row) => row.name);
  const all = verifiers.map(upperName).join(', ');
  return {
    name: 'TRUST',
    jetstream: true,
    nkey: issuer.name,
    publish: [
      'trust.keyset',
      'trust.revocation.>',
      `trust.ack.${issuer.name}.*`, // replicas of the issuer verify tokens too, and a rotation waits for them
      keysetByDirectGet,
      '$JS.API.STREAM.CREATE.TRUST',
      '$JS.API.STREAM.CREATE.REVOCATIONS',
      ...eventsOf(issuer, rows),
    ],
    subscribe: ['trust.ack.>', inbox(issuer)],
    exports: [
      `{ stream: "trust.keyset", accounts: [${all}] }`,
      `{ stream: "trust.revocation.>", accounts: [${all}] }`,
      `{ service: "${keysetByDirectGet}", accounts: [${all}] }`,
      `{ service: "${revocationsByDirectGet}", response_type: "stream", accounts: [${all}] }`,
      ...verifiers.map((name) => `{ service: "trust.ack.${name}.*", accounts: [${upperName(name)}] }`),
    ],
    imports: eventImports(issuer, rows),
  };
}

function verifierAccount(row: ServiceRow, rows: readonly ServiceRow[]): Account {
  const acknowledgements = `trust.ack.${row.name}.*`;
  const fromTrust = (kind: 'stream' | 'service', subject: string) =>
    `{ ${kind}: { account: TRUST, subject: "${subject}" } }`;
  return {
    name: upperName(row.name),
    jetstream: row.collectsEvents,
    nkey: row.name,
    publish: [
      acknowledgements,
      keysetByDirectGet,
      revocationsByDirectGet,
      ...(row.collectsEvents ? collectorSubjects(row) : eventsOf(row, rows)),
    ],
    subscribe: ['trust.keyset', 'trust.revocation.>', inbox(row)],
    exports: row.collectsEvents ? eventExports(row, rows) : [],
    imports: [
      fromTrust('stream', 'trust.keyset'),
      fromTrust('stream', 'trust.revocation.>'),
      fromTrust('service', keysetByDirectGet),
      fromTrust('service', revocationsByDirectGet),
      fromTrust('service', acknowledgements),
      ...eventImports(row, rows),
    ],
  };
}

/** A collector has one stream and one durable consumer, named after it: `AUDIT` and `audit`. */
function collectorSubjects({ name }: ServiceRow): string[] {
  const stream = upperName(name);
  return [
    `$JS.API.STREAM.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.${name}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
    `$JS.ACK.${stream}.${name}.>`,
  ];
}

function eventsOf(row: ServiceRow, rows: readonly ServiceRow[]): string[] {
  return collectorsFor(row, rows).map((collector) => `${collector.name}.${row.name}.>`);
}

function eventImports(row: ServiceRow, rows: readonly ServiceRow[]): string[] {
  return collectorsFor(row, rows).map(
    ({ name }) => `{ service: { account: ${upperName(name)}, subject: "${name}.${row.name}.>" } }`,
  );
}

function eventExports(collector: ServiceRow, rows: readonly ServiceRow[]): string[] {
  return rows
    .filter((row) => row !== collector)
    .map((row) => {
      const account = row.trust === 'issuer' ? 'TRUST' : upperName(row.name);
      return `{ service: "${collector.name}.${row.name}.>", accounts: [${account}] }`;
    });
}

function collectorsFor(row: ServiceRow, rows: readonly ServiceRow[]): ServiceRow[] {
  return row.collectsEvents ? [] : rows.filter((other) => other.collectsEvents);
}

function inbox({ name }: ServiceRow): string {
  return `_INBOX_${name}.>`;
}

function renderAccount(account: Account): string {
  const { publish, subscribe } = account;
  const permissions = `{ publish: { allow: ${JSON.stringify(publish)} }, subscribe: { allow: ${JSON.stringify(subscribe)} } }`;
  const lines = [
    `  ${account.name} {`,
    ...(account.jetstream ? ['    jetstream: enabled'] : []),
    `    users: [ { nkey: ${account.nkey}, permissions: ${permissions} } ]`,
    ...renderList('exports', account.exports),
    ...renderList('imports', account.imports),
    '  }',
  ];
  return lines.join('\n');
}

function renderList(name: string, items: string[]): string[] {
  return items.length === 0 ? [] : [`    ${name}: [`, ...items.map((item) => `      ${item}`), '    ]'];
}
