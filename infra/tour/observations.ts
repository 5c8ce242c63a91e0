/** What the tour reads from the services between its steps: their counters, and the key ring of each verifier. */
import type { PublishedStatus } from '#statements';
import type { KeyRingFacts, TrustErrorCode } from '#trust';
import type { Guide, ServiceName } from './guide.js';
import { until } from './load.js';
import { shortKid } from './presentation.js';

/** All services. The first one is the issuer. */
export const services = ['auth', 'orders', 'inventory'] as const satisfies readonly ServiceName[];

/** What `GET /trust` answers. */
type TrustFacts = KeyRingFacts & { readonly requests: Readonly<Record<string, number>> };

type Rings = Readonly<Record<ServiceName, TrustFacts>>;

const statementWithinMs = 5_000;

/** How many requests a service has accepted, or has refused for this reason. The number is the service's own counter. */
export async function verdicts(
  guide: Guide,
  service: ServiceName,
  verdict: TrustErrorCode | 'accepted',
): Promise<number> {
  const answers = await guide.sendToEach<TrustFacts>(service, 'GET /trust');
  return answers.reduce((sum, { body }) => sum + (body.requests[verdict] ?? 0), 0);
}

/** How often a client has asked inventory for a single product. The number is inventory's own counter. */
export async function priceLookups(guide: Guide): Promise<number> {
  const answers = await guide.sendToEach<string>('inventory', 'GET /metrics');
  const counted = /^http_request_duration_seconds_count\{.*route="\/products\/:sku",status="200"\} (\d+)$/m;
  return answers.reduce((sum, { body }) => sum + Number(counted.exec(body)?.[1] ?? 0), 0);
}

/** Prints one line for each service: the keys in its key ring. */
export function showRings(guide: Guide, rings: Rings): void {
  guide.lines(
    services.map((service) => {
      const { epoch, keys } = rings[service];
      const list = keys.map(({ kid, alg, status }) => `${shortKid(kid)} ${alg} ${status}`);
      return `${service.padEnd(9)} epoch ${epoch}: ${list.join(' · ')}`;
    }),
  );
}

/** Waits until all key rings have the same epoch. A statement needs a moment to reach every process. */
export function untilRingsAgree(guide: Guide): Promise<Rings> {
  return untilRings(guide, 'have the same epoch', (ring, issuer) => ring.epoch === issuer.epoch);
}

/** Waits until this key has this status in all key rings. `gone`: it is in no key ring. */
export function untilRingsSay(guide: Guide, kid: string, status: PublishedStatus | 'gone'): Promise<Rings> {
  return untilRings(guide, `say that ${shortKid(kid)} is ${status}`, ({ keys }) => {
    return (keys.find((key) => key.kid === kid)?.status ?? 'gone') === status;
  });
}

function untilRings(
  guide: Guide,
  say: string,
  holds: (ring: TrustFacts, issuer: TrustFacts) => boolean,
): Promise<Rings> {
  return until(`all key rings ${say}`, statementWithinMs, async () => {
    const facts = await Promise.all(
      services.map(async (service) => {
        const answers = await guide.sendToEach<TrustFacts>(service, 'GET /trust');
        return answers.map(({ body }) => body);
      }),
    );
    const [auth, orders, inventory] = facts.map(([first]) => first) as [TrustFacts, TrustFacts, TrustFacts];
    return facts.flat().every((ring) => holds(ring, auth)) ? { auth, orders, inventory } : undefined;
  });
}
