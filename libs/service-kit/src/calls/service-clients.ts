import { Global, Module, type DynamicModule } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { KeyRing } from '#trust/nest';
import type { callerSettings, trustSettings } from '../setting-groups.js';
import type { Settings } from '../settings.js';
import type { CircuitState } from './circuit.js';
import { signAssertion } from './client-assertion.js';
import { ServiceClient } from './service-client.js';
import { ServiceTokens } from './service-tokens.js';
import { authUpstream, TokenEndpoint } from './token-endpoint.js';
import { Upstream } from './upstream.js';

export type CallerSettings = Settings<typeof callerSettings> &
  Pick<Settings<typeof trustSettings>, 'issuer' | 'issuerFetchUrl'>;

interface ServiceClientsOptions {
  /** The name of this service, which is also its `client_id`. */
  readonly service: string;
  readonly settings: CallerSettings;
  /** The services that this one calls, by name. The name is also the audience of the tokens for it. */
  readonly callees: Readonly<Record<string, { readonly baseUrl: string; readonly timeoutMs?: number }>>;
}

const CIRCUIT_STATES: readonly CircuitState[] = ['closed', 'half_open', 'open'];

/** The clients of all services that this one calls. They share their tokens. */
export class ServiceClients {
  private readonly clients: ReadonlyMap<string, ServiceClient>;

  constructor({ service, settings, callees }: ServiceClientsOptions, ring: KeyRing, registry: Registry) {
    const { issuer, issuerFetchUrl, clientKeyFile: keyFile } = settings;
    const auth = authUpstream(issuerFetchUrl);
    const upstreams = Object.entries(callees).map(([name, options]) => new Upstream({ name, ...options }));
    const metrics = callMetrics(registry, [auth, ...upstreams]);
    const endpoint = new TokenEndpoint({
      auth,
      assertion: () => signAssertion({ client: service, issuer, keyFile }),
    });
    const tokens = new ServiceTokens({
      service,
      request: (request) => endpoint.request(request),
      ring,
      onFound: (source, callee) => metrics.tokens.inc({ callee, source }),
    });
    const onEnd = (callee: string, outcome: string) => metrics.calls.inc({ callee, outcome });
    this.clients = new Map(
      upstreams.map((upstream) => [upstream.name, new ServiceClient({ upstream, tokens, onEnd })]),
    );
  }

  /** @throws Error if the module names no such callee */
  to(callee: string): ServiceClient {
    const client = this.clients.get(callee);
    if (!client) throw new Error(`${callee} is not named as a callee of this service`);
    return client;
  }
}

/** Makes {@link ServiceClients} injectable. It needs the `TrustModule` and the `MetricsModule`, as each service has them. */
@Global()
@Module({})
export class ServiceClientsModule {
  static forRoot(options: ServiceClientsOptions): DynamicModule {
    const clients = {
      provide: ServiceClients,
      inject: [KeyRing, Registry],
      useFactory: (ring: KeyRing, registry: Registry) => new ServiceClients(options, ring, registry),
    };
    return { module: ServiceClientsModule, providers: [clients], exports: [ServiceClients] };
  }
}

function callMetrics(registry: Registry, upstreams: readonly Upstream[]) {
  const registers = [registry];
  new Gauge({
    name: 'service_circuit_state',
    help: '1 for the state that the circuit of a callee is in, 0 for the others.',
    labelNames: ['callee', 'state'],
    registers,
    collect() {
      for (const { name, circuit } of upstreams)
        for (const state of CIRCUIT_STATES)
          this.set({ callee: name, state }, state === circuit.state ? 1 : 0);
    },
  });
  return {
    calls: new Counter({
      name: 'service_calls_total',
      help: 'Calls of other services, by how they ended: answered, or the code of the error.',
      labelNames: ['callee', 'outcome'],
      registers,
    }),
    tokens: new Counter({
      name: 'service_tokens_total',
      help: 'Tokens that calls needed: cached, shared with another call that was asking auth, or requested from auth.',
      labelNames: ['callee', 'source'],
      registers,
    }),
  };
}
