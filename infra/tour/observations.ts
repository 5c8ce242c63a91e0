/** The tour's view of keys: the administrator's list, and the ring of each verifier. */
import type { AlgorithmName, JsonObject } from '#jws';
import type { PublishedStatus } from '#statements';
import type { KeyRingFacts, TrustErrorCode } from '#trust';
import type { Guide, ServiceName } from './guide.js';
import { until } from './load.js';
import { shortKid } from './presentation.js';

/** All services; the first one signs. */
export const services = ['auth', 'orders', 'inventory'] as const satisfies readonly ServiceName[];

/** Where the public keys are for anyone. */
export const jwksRoute = 'GET /.well-known/jwks.json';

/** What it answers. */
export interface Jwks {
  readonly keys: readonly (JsonObject & { readonly kid: string })[];
}

/** What `POST /admin/keys/:kid/revoke` answers. */
export interface Revoked {
  readonly activeKid: string | null;
  readonly waitedMs: number;
  readonly silent: readonly string[];
}

/** What `GET /trust` answers. */
type TrustFacts = KeyRingFacts & { readonly requests: Readonly<Record<string, number>> };

type Rings = Readonly<Record<ServiceName, TrustFacts>>;

/** What `GET /admin/keys` answers, as far as the tour reads it. */
interface KeyList {
  readonly keys: readonly { readonly kid: string; readonly alg: string; readonly status: string }[];
  readonly rotation: { readonly waitingFor: readonly string[] } | null;
}

/** What `GET /admin/verifiers` answers, as far as the tour reads it. */
interface VerifierList {
  readonly complete: boolean;
  readonly verifiers: readonly { readonly kids: readonly string[] }[];
}

// A verifier that has gone is waited for as long as it is counted, 25 s, and auth hears of all within as long.
const acknowledgedWithinMs = 40_000;
const heardWithinMs = 5_000;

/** How often a service came to a verdict about a request, by its own count. */
export async function verdicts(
  guide: Guide,
  service: ServiceName,
  verdict: TrustErrorCode | 'accepted',
): Promise<number> {
  const answers = await guide.sendToEach<TrustFacts>(service, 'GET /trust');
  return answers.reduce((sum, { body }) => sum + (body.requests[verdict] ?? 0), 0);
}

/** How often inventory was asked for a single product, by its own count. */
export async function priceLookups(guide: Guide): Promise<number> {
  const answers = await guide.sendToEach<string>('inventory', 'GET /metrics');
  const counted = /^http_request_duration_seconds_count\{.*route="\/products\/:sku",status="200"\} (\d+)$/m;
  return answers.reduce((sum, { body }) => sum + Number(counted.exec(body)?.[1] ?? 0), 0);
}

/** One line for each service: what its ring holds. */
export function showRings(guide: Guide, rings: Rings): void {
  guide.lines(
    services.map((service) => {
      const { epoch, keys } = rings[service];
      const list = keys.map(({ kid, alg, status }) => `${shortKid(kid)} ${alg} ${status}`);
      return `${service.padEnd(9)} epoch ${epoch}: ${list.join(' · ')}`;
    }),
  );
}

/** Waits until all rings are of one epoch: a statement needs a moment from one process to the next. */
export function untilRingsAgree(guide: Guide): Promise<Rings> {
  return untilRings(guide, 'are of one epoch', (ring, issuer) => ring.epoch === issuer.epoch);
}

/** Waits until all rings say this of a key; `gone`: they do not hold it. */
export function untilRingsSay(guide: Guide, kid: string, status: PublishedStatus | 'gone'): Promise<Rings> {
  return untilRings(guide, `say ${status} of ${shortKid(kid)}`, ({ keys }) => {
    return (keys.find((key) => key.kid === kid)?.status ?? 'gone') === status;
  });
}

function untilRings(
  guide: Guide,
  say: string,
  holds: (ring: TrustFacts, issuer: TrustFacts) => boolean,
): Promise<Rings> {
  return until(`all rings ${say}`, heardWithinMs, async () => {
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

/** Waits until a key of the active one's algorithm stands by that every verifier holds. */
export function untilStandbyIsHeld(
  guide: Guide,
  adminToken: string,
): Promise<{ active: string; standby: string }> {
  return until('every verifier holds the standby', acknowledgedWithinMs, async () => {
    const { keys } = (await guide.send<KeyList>('auth', 'GET /admin/keys', { token: adminToken })).body;
    const { body } = await guide.send<VerifierList>('auth', 'GET /admin/verifiers', { token: adminToken });
    const active = keys.find((key) => key.status === 'active');
    const standby = keys.find((key) => key.status === 'prepared' && key.alg === active?.alg);
    if (!active || !standby || !body.complete) return undefined;
    const isHeld = body.verifiers.every(({ kids }) => kids.includes(standby.kid));
    return isHeld ? { active: active.kid, standby: standby.kid } : undefined;
  });
}

/** Rotates to an algorithm and returns the kid of the key that signs now. */
export async function rotateTo(guide: Guide, adminToken: string, alg: AlgorithmName): Promise<string> {
  await untilNoRotation(guide, adminToken); // one that an interrupted tour left behind
  const answer = await guide.ask<{ kid: string; waitingFor?: string[] }>('auth', 'POST /admin/keys/rotate', {
    token: adminToken,
    body: { alg },
    expect: [200, 202],
  });
  if (answer.status === 202) {
    guide.say(
      'Not yet: the key is published, but activating it waits for every verifier to acknowledge it, and auth ' +
        'listens for 25 s after its start before it believes that it knows them all. Nothing fails meanwhile; ' +
        'the old key signs. Asking GET /admin/keys until no rotation is open …',
    );
    await untilNoRotation(guide, adminToken);
  }
  return answer.body.kid;
}

function untilNoRotation(guide: Guide, token: string): Promise<true> {
  return until('the open rotation has ended', acknowledgedWithinMs, async () => {
    const { body } = await guide.send<KeyList>('auth', 'GET /admin/keys', { token });
    return body.rotation === null ? true : undefined;
  });
}
