/**
 * What a newcomer does, in one copy of the repository: a service, a resource in it, a call in each direction. Then the static
 * checks, the new specs, the running system, and back to where it began.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestKey, eventually, freePortBase, signCompact } from '#testing';
import { removePostgresData } from '../local/postgres-home.js';
import { readRunning, type RunningFile } from '../local/state-dir.js';
import { readCredentials } from '../system/secrets.js';
import { nextOffset } from '../system/service-table.js';
import { portClaims, services } from '../system/services.js';
import { exchange } from '../tour/exchange.js';
import { RepositoryCopy } from './repository-copy.js';

/** With a dash, so that every form of a name is different. */
const name = 'loyalty-points';
/** The service that it calls, and that calls it. */
const neighbour = services.find(({ trust }) => trust === 'verifier')!.name;

let copy: RepositoryCopy;
let before: Record<string, string>;

beforeAll(() => {
  copy = new RepositoryCopy();
  copy.commit();
  before = copy.digest();
});
afterAll(() => copy?.remove());

const generate = (program: string, ...args: string[]) => {
  const { status, stderr, stdout } = copy.run(`dist/infra/starter/${program}.js`, ...args);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}\n${stdout}\n${stderr}`);
  copy.commit();
};

describe('a service of one’s own', () => {
  it('is made, with a resource, and calls and is called', () => {
    generate('new-service', name, '--role', 'customer');
    generate('new-resource', name, 'gift-card');
    generate('new-call', name, neighbour);
    generate('new-call', neighbour, name);
  });

  it('passes all static checks', () => {
    const { status, stdout, stderr } = copy.run('infra/bootstrap.mjs', 'run', 'dist/infra/checks/run.js');
    expect([status, stdout + stderr]).toEqual([0, expect.stringContaining('static checks passed')]);
  });

  it('passes its specs, those of its neighbour, and those that know all services', () => {
    const specs = [
      `apps/${name}/`,
      ...['operations', name].map((each) => `apps/${neighbour}/test/${each}`),
      ...['infra/system/', 'infra/tour', 'apps/auth/src/'],
    ];
    const { status, stderr } = copy.run('infra/bootstrap.mjs', 'test', ...specs);
    expect(stderr).toContain(`PASS apps/${name}/test/gift-cards.e2e-spec.ts`);
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('FAIL')]);
  });

  describe('in the running system', () => {
    let launcher: ChildProcess;
    let system: RunningFile;
    let stateDir: string;

    beforeAll(async () => {
      const offsets = [...portClaims(0).map(({ port }) => port), nextOffset(services)];
      const portBase = await freePortBase(offsets);
      stateDir = mkdtempSync(join(tmpdir(), 'test-walk-'));
      const options = ['--port-base', String(portBase), '--state-dir', stateDir];
      launcher = spawn(process.execPath, ['infra/bootstrap.mjs', 'start', ...options], {
        cwd: copy.root,
        stdio: 'ignore',
      });
      await eventually(() => readRunning(stateDir) !== undefined, { timeoutMs: 120_000 });
      system = readRunning(stateDir)!;
    });
    afterAll(async () => {
      if (launcher?.exitCode === null) {
        const ended = once(launcher, 'exit');
        launcher.kill('SIGINT');
        await ended;
      }
      removePostgresData(stateDir);
      rmSync(stateDir, { recursive: true, force: true });
    });

    const logIn = async (who: 'admin' | 'demo', audience?: string) => {
      const body = { ...readCredentials(stateDir)[who], audience };
      const login = await exchange<{ access_token: string }>('POST', `${system.issuer}/auth/login`, { body });
      return login.body.access_token;
    };
    const verifiers = async (token: string) =>
      (
        await exchange<{ verifiers: { service: string; kids: string[] }[] }>(
          'GET',
          `${system.issuer}/admin/verifiers`,
          { token },
        )
      ).body.verifiers;

    it('it acknowledges a rotation', async () => {
      const token = await logIn('admin', 'auth');
      const rotated = await exchange<{ kid: string }>('POST', `${system.issuer}/admin/keys/rotate`, {
        token,
        body: {},
      });
      expect([200, 202]).toContain(rotated.status);
      await eventually(
        async () =>
          (await verifiers(token)).some(
            ({ service, kids }) => service === name && kids.includes(rotated.body.kid),
          ),
        { timeoutMs: 60_000 },
      );
    });

    it('it accepts a token that auth made for it, and refuses a forged one with the same header and claims', async () => {
      const url = `${system.services[name]!.url}/gift-cards`;
      const token = await logIn('demo', name);
      expect((await exchange('GET', url, { token })).status).toBe(200);
      const [header, claims] = token.split('.').slice(0, 2).map(decoded);
      const forged = signCompact(header, claims, createTestKey());
      expect((await exchange('GET', url, { token: forged })).status).toBe(401);
    });
  });

  it('goes away again without a trace', () => {
    expect(Object.keys(copy.digest()).length).toBeGreaterThan(Object.keys(before).length);
    copy.backToFirstCommit();
    expect(copy.digest()).toEqual(before);
    const { status } = copy.run('infra/bootstrap.mjs', 'run', 'dist/infra/checks/run.js', 'generated-files');
    expect(status).toBe(0);
  });
});

const decoded = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
