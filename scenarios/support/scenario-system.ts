import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { freePortBase } from '#testing';
import type { KeyRingFacts } from '#trust';
import { type Credentials, readCredentials, secretPaths } from '../../infra/system/secrets.js';
import { guardedServices, portClaims, services } from '../../infra/system/services.js';
import { postgresDataParent } from '../../infra/local/postgres-home.js';
import { tellReaper } from '../../infra/local/reaper-client.js';
import { type RunningSystem, startSystem } from '../../infra/local/system.js';
import { exchange, type Exchange, type RequestParts } from '../../infra/tour/exchange.js';
import { type Lanes, Traffic } from './traffic.js';

/** An answer of whatever shape the caller expects: a wrong guess fails the scenario. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyJson = any;

/** Environment of each service, by name, on top of the generated one. */
export type ServiceSettings = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** All services that verify tokens and sign none. */
export const verifiers: readonly string[] = services
  .filter(({ trust }) => trust === 'verifier')
  .map(({ name }) => name);

/** Those of them at which scenarios show tokens. */
export const guarded: readonly string[] = guardedServices.map(({ name }) => name);

/** The service of a scenario that needs only one. */
export const mainService = guarded[0]!;

/** A token and the service it is for. */
export interface Grant {
  readonly audience: string;
  readonly token: string;
}

/** What `GET /trust` answers: the ring of a service and how it judged. */
export type Ring = KeyRingFacts & { readonly requests: Readonly<Record<string, number>> };

/** What `GET /admin/keys` answers. */
export interface KeyList {
  readonly epoch: number;
  readonly keys: readonly { readonly kid: string; readonly alg: string; readonly status: string }[];
  readonly rotation: { readonly kid: string; readonly waitingFor: readonly string[] } | null;
}

/** What `GET /admin/verifiers` answers. */
export interface VerifierList {
  readonly complete: boolean;
  readonly verifiers: readonly {
    readonly service: string;
    readonly instance: string;
    readonly epoch: number;
    readonly kids: readonly string[];
    readonly pins: readonly string[];
  }[];
  readonly refused: Readonly<Record<string, number>>;
  readonly anchorExchange: { readonly next: string; readonly waitingFor: readonly string[] } | null;
}

/** The system of one scenario: real processes in a temporary folder, driven over HTTP as any client would. */
export class ScenarioSystem {
  private readonly settings: Record<string, Readonly<Record<string, string>>>;
  private system: RunningSystem | undefined;
  private readonly endings: (() => unknown)[] = [];
  /** Secrets, logs and data of this system; what an attacker steals, he steals from here. */
  readonly stateDir = mkdtempSync(join(tmpdir(), 'scenario-'));

  constructor(settings: ServiceSettings) {
    this.settings = { ...settings };
  }

  /** The processes: `kill`, `halt`, `launch`, `restart` of `nats`, `postgres` and each service by its name. */
  get parts(): RunningSystem {
    if (this.system === undefined) throw new Error('the system has not been started');
    return this.system;
  }

  /** The two people whom a new installation knows. */
  get credentials(): Credentials {
    return readCredentials(this.stateDir);
  }

  async start(): Promise<void> {
    const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
    const { stateDir, settings } = this;
    // By the reaper, so that they go even when the run is interrupted.
    for (const folder of [stateDir, postgresDataParent(stateDir)]) tellReaper(`rm ${folder}`);
    this.system = await startSystem({ stateDir, portBase, settings, durable: false });
  }

  /** Ends every process, and before them what was told to `atEnd`. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.endings.map((end) => end()));
    await this.system?.stop();
  }

  /** Has `end` called when the scenario ends, also when it fails half-way. */
  atEnd(end: () => unknown): void {
    this.endings.push(end);
  }

  /** Starts requests that never pause until they are stopped, or the scenario ends. */
  traffic(lanes: Lanes): Traffic {
    const traffic = new Traffic(lanes);
    this.atEnd(() => traffic.stop());
    return traffic;
  }

  /** Replaces settings of a service; they are those of its next start (`parts.restart`). */
  configure(service: string, settings: Readonly<Record<string, string>>): void {
    this.settings[service] = { ...this.settings[service], ...settings };
  }

  /** Sends one request: `ask('auth', 'GET /admin/keys', { token })`. Any status is an answer. */
  ask<Body = AnyJson>(service: string, route: string, parts?: RequestParts): Promise<Exchange<Body>> {
    const [method = '', path = ''] = route.split(' ');
    return exchange<Body>(method, `${this.parts.urls[service]}${path}`, parts);
  }

  /** A new login of one of the two seeded people. @throws Error unless it is answered 200 */
  async logIn(who: 'admin' | 'demo', audience: string): Promise<string> {
    const body = { ...this.credentials[who], audience };
    const answer = await this.ask<{ access_token: string }>('auth', 'POST /auth/login', { body });
    if (answer.status !== 200) throw new Error(`the login of ${who} was answered ${answer.status}`);
    return answer.body.access_token;
  }

  /** A new token that this service accepts, of whoever may use it. */
  async grant(audience = mainService): Promise<Grant> {
    const who = routeOf(audience).role === 'customer' ? 'demo' : 'admin';
    return { audience, token: await this.logIn(who, audience) };
  }

  /** A new token for each service. */
  grants(): Promise<Grant[]> {
    return Promise.all(guarded.map((service) => this.grant(service)));
  }

  /** Lanes for `traffic`: to each service, with these tokens. */
  lanes(grants: readonly Grant[]): Lanes {
    return Object.fromEntries(grants.map((grant) => [grant.audience, () => this.knock(grant)]));
  }

  /** Lanes for `traffic`: to each service, with a new token each time. */
  freshLanes(): Lanes {
    const request = async (service: string) => this.knock(await this.grant(service));
    return Object.fromEntries(guarded.map((service) => [service, () => request(service)]));
  }

  /** Shows a token to its service, or to another instance of it. Returns the status: 200 if the token is accepted. */
  async knock(grant: Grant, url?: string): Promise<number> {
    return (await this.present(grant, url)).status;
  }

  /** Shows a token to its service, or to another instance of it. */
  present({ audience, token }: Grant, url = this.parts.urls[audience]): Promise<Exchange<AnyJson>> {
    const { route, body } = routeOf(audience);
    const [method = '', path = ''] = route.split(' ');
    return exchange<AnyJson>(method, `${url}${path}`, { token, body });
  }

  /** A request of a freshly logged-in administrator. @throws Error unless it is answered 2xx */
  async admin<Body = AnyJson>(route: string, body?: unknown): Promise<Exchange<Body>> {
    const token = await this.logIn('admin', 'auth');
    const answer = await this.ask<Body>('auth', route, { token, ...(body !== undefined && { body }) });
    if (answer.status >= 300) throw new Error(`${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  }

  /** What auth knows of its keys. */
  async keys(): Promise<KeyList> {
    return (await this.admin<KeyList>('GET /admin/keys')).body;
  }

  /** Whom auth counts, and what each of them holds. */
  async verifiers(): Promise<VerifierList> {
    return (await this.admin<VerifierList>('GET /admin/verifiers')).body;
  }

  /** What a service knows of auth's keys, from its public `GET /trust`. */
  async ring(service: string): Promise<Ring> {
    return (await this.ask<Ring>(service, 'GET /trust')).body;
  }

  /** A NATS connection with the nkey of a service: what somebody has who has stolen that service's secrets. */
  async natsAs(service: string): Promise<NatsConnection> {
    const seed = readFileSync(join(secretPaths.of(this.stateDir, service), 'nats.nk'));
    const connection = await connect({
      servers: `127.0.0.1:${this.parts.running.nats.port}`,
      authenticator: nkeyAuthenticator(seed),
      inboxPrefix: `_INBOX_${service}`,
    });
    this.atEnd(() => connection.close());
    return connection;
  }
}

function routeOf(service: string) {
  return guardedServices.find(({ name }) => name === service)!.guardedRoute;
}
