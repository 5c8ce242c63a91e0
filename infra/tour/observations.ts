/** What the tour reads from the services between its steps: their counters, and the key ring of each verifier. */
import type { PublishedStatus } from '#statements';
import type { KeyRingFacts, TrustErrorCode } from '#trust';
import { services } from '../system/services.js';
import type { Guide } from './guide.js';
import { until } from './load.js';
import { shortKid } from './presentation.js';

/** What `GET /trust` answers. */
type TrustFacts = KeyRingFacts & { readonly requests: Readonly<Record<string, number>> };

type Rings = Readonly<Record<string, TrustFacts>>;

const statementWithinMs = 5_000;

/** How many requests a service has accepted, or has refused for this reason. The number is the service's own counter. */
export async function verdicts(
  guide: Guide,
  service: string,
  verdict: TrustErrorCode | 'accepted',
): Promise<number> {
  const answers = await guide.sendToEach<TrustFacts>(service, 'GET /trust');
  return answers.reduce((sum, { body }) => sum + (body.requests[verdict] ?? 0), 0);
}

/** Prints one line for each service: the keys in its key ring. */
export function showRings(guide: Guide, rings: Rings): void {
  guide.lines(
    Object.entries(rings).map(([service, { epoch, keys }]) => {
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
      services.map(async ({ name }) => {
        const answers = await guide.sendToEach<TrustFacts>(name, 'GET /trust');
        return [name, answers.map(({ body }) => body)] as const;
      }),
    );
    const rings = Object.fromEntries(facts.map(([name, [first]]) => [name, first!]));
    const all = facts.flatMap(([, each]) => each);
    return all.every((ring) => holds(ring, rings['auth']!)) ? rings : undefined;
  });
}
