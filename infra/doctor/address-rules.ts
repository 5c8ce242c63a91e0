/** Rules about who reaches whom, and how. */
import { isIP } from 'node:net';
import { upperName } from '../system/service-names.js';
import { hostOf, isLocalHost, isPrivateHost } from './network.js';
import { all, eachValue, type Complaint, type Deployment, type Rule } from './rule.js';

/** The shortest prefix of a range of proxies. 10.0.0.0/8 and fc00::/7 are the greatest private networks. */
const shortestPrefix = { 4: 8, 6: 7 } as const;

export const addressRules: readonly Rule[] = [
  {
    id: 'public-addresses',
    settings: ['ISSUER', 'RESOURCE_URL'],
    safe: 'The issuer and each service have a public name',
    why: 'tokens name the issuer, and localhost is another machine for each client',
    remedy: 'the https URL that clients use',
    check: all(eachValue('ISSUER', localName), eachValue('RESOURCE_URL', localName)),
  },
  {
    id: 'one-issuer',
    settings: ['ISSUER'],
    safe: 'Every service names the same issuer',
    why: 'a service refuses the tokens of another issuer',
    remedy: 'the ISSUER of auth, letter by letter',
    check: sameAsIssuer('ISSUER'),
  },
  {
    id: 'resource-urls',
    settings: ['RESOURCE_URLS'],
    safe: 'auth knows each service by its RESOURCE_URL',
    why: 'a client that asks for a token for this URL is refused, or gets one for another service',
    remedy: 'RESOURCE_URLS=<service>=<its RESOURCE_URL>,… at auth',
    check: unknownResources,
  },
  {
    id: 'private-connections',
    settings: ['DATABASE_HOST', 'NATS_URL', 'ISSUER_FETCH_URL', '<CALLEE>_URL'],
    safe: 'Connections between services, PostgreSQL and NATS stay in a private network, or use TLS',
    why: 'tokens, passwords and rows could be read on the way',
    remedy:
      'a private address or name, or https:// and tls://. PostgreSQL has no setting for TLS: use a tunnel',
    check: openConnections,
  },
  {
    id: 'listen-address',
    settings: ['HOST'],
    safe: 'No service listens on a public address',
    why: 'a service speaks plain HTTP, and serves /metrics to everybody who reaches it',
    remedy: 'HOST=127.0.0.1 or a private address, behind a proxy with TLS',
    check: eachValue<string>('HOST', (host) =>
      isPrivateHost(host) ? undefined : `${host} is a public address`,
    ),
  },
  {
    id: 'browser-origins',
    settings: ['CORS_ALLOWED_ORIGINS'],
    safe: 'No page on localhost may call a service',
    why: 'any program on the machine of a user can serve such a page, and use the login of the user',
    remedy: 'only the https origins of your own pages',
    check: eachValue<readonly string[]>('CORS_ALLOWED_ORIGINS', (origins) => {
      const local = origins.filter((origin) => isLocalHost(hostOf(origin)));
      return local.length === 0 ? undefined : `it allows ${local.join(', ')}`;
    }),
  },
  {
    id: 'trusted-proxies',
    settings: ['TRUSTED_PROXIES'],
    safe: 'auth believes X-Forwarded-For of your proxies, and of nobody else',
    why: 'failed logins and registrations are counted by address: of all clients together, or of invented ones',
    remedy: 'the addresses of the proxies in front of auth, or uniquelocal if only they reach it',
    check: all(
      eachValue<readonly string[]>('TRUSTED_PROXIES', (proxies, { trust }) =>
        trust === 'issuer' && proxies.length === 0
          ? 'it is empty, so every client has the proxy’s address'
          : undefined,
      ),
      eachValue<readonly string[]>('TRUSTED_PROXIES', (proxies) => {
        const wide = proxies.filter(isTooWide);
        return wide.length === 0 ? undefined : `${wide.join(', ')} has more addresses than a private network`;
      }),
    ),
  },
  {
    id: 'published-ports',
    settings: ['ports (Compose)'],
    safe: 'Only the proxy publishes ports',
    why: 'a published port passes by the proxy, its TLS and its closed paths',
    remedy: 'remove `ports` of this container from the composition; use the network of the composition',
    check: ({ published }) =>
      published
        .filter(({ container }) => container !== 'proxy')
        .map(({ container, port }) => ({
          service: container,
          setting: 'ports',
          problem: `it publishes ${port}`,
        })),
  },
];

/** Makes a check that each service has the value of auth. */
export function sameAsIssuer(setting: string): Rule['check'] {
  return ({ services }) => {
    const expected = services.find(({ trust }) => trust === 'issuer')?.values[setting];
    return services
      .filter(({ values }) => expected !== undefined && (values[setting] ?? expected) !== expected)
      .map(({ name, values }) => ({
        service: name,
        setting,
        problem: `it is ${String(values[setting])}, and ${String(expected)} at auth`,
      }));
  };
}

function localName(url: string): string | undefined {
  return isLocalHost(hostOf(url)) ? `${url} is a name of this machine` : undefined;
}

function unknownResources({ services }: Deployment): Complaint[] {
  const auth = services.find(({ trust }) => trust === 'issuer');
  const resources = auth?.values['RESOURCE_URLS'] as { audience: string; url: string }[] | undefined;
  if (auth === undefined || resources === undefined) return [];
  return services
    .filter(({ name, values }) => {
      const url = values['RESOURCE_URL'];
      return url !== undefined && !resources.some((each) => each.audience === name && each.url === url);
    })
    .map(({ name, values }) => ({
      service: auth.name,
      setting: 'RESOURCE_URLS',
      problem: `${name}=${String(values['RESOURCE_URL'])} is missing`,
    }));
}

function openConnections({ services }: Deployment): Complaint[] {
  return services.flatMap(({ name, calls, values }) => {
    const database = values['DATABASE_HOST'] as string | undefined;
    const urls = ['NATS_URL', 'ISSUER_FETCH_URL', ...calls.map((callee) => `${upperName(callee)}_URL`)];
    const open = urls.flatMap((setting) => {
      const url = values[setting] as string | undefined;
      if (url === undefined || /^(https|tls):/.test(url) || isPrivateHost(hostOf(url))) return [];
      return [
        {
          service: name,
          setting,
          problem: `${hostOf(url)} is not in a private network, and the URL has no TLS`,
        },
      ];
    });
    if (database === undefined || isPrivateHost(database)) return open;
    const problem = `${database} is not in a private network`;
    return [{ service: name, setting: 'DATABASE_HOST', problem }, ...open];
  });
}

function isTooWide(range: string): boolean {
  const [address = '', prefix] = range.split('/');
  const version = isIP(address);
  return prefix !== undefined && version !== 0 && Number(prefix) < shortestPrefix[version as 4 | 6];
}
