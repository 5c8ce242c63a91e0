/** What the tour does with keys as an administrator: it waits for a standby, and it rotates. */
import type { AlgorithmName } from '#jws';
import type { Guide } from './guide.js';
import { until } from './load.js';

/** What `POST /admin/keys/:kid/revoke` answers. */
export interface Revoked {
  readonly activeKid: string | null;
  readonly waitedMs: number;
  readonly silent: readonly string[];
}

/** What the tour reads from the answer of `GET /admin/keys`. */
interface KeyList {
  readonly keys: readonly { readonly kid: string; readonly alg: string; readonly status: string }[];
  readonly rotation: { readonly waitingFor: readonly string[] } | null;
}

/** What the tour reads from the answer of `GET /admin/verifiers`. */
interface VerifierList {
  readonly complete: boolean;
  readonly verifiers: readonly { readonly kids: readonly string[] }[];
}

// A verifier counts for 25 s after its last acknowledgement, and auth's list of verifiers is complete after 25 s.
const acknowledgedWithinMs = 40_000;

/** Waits until there is a standby with the algorithm of the active key, and every verifier holds it. */
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

/** Rotates to an algorithm. Returns the kid of the new active key. */
export async function rotateTo(guide: Guide, adminToken: string, alg: AlgorithmName): Promise<string> {
  await untilNoRotation(guide, adminToken); // an interrupted tour may have left a rotation open
  const answer = await guide.ask<{ kid: string; waitingFor?: string[] }>('auth', 'POST /admin/keys/rotate', {
    token: adminToken,
    body: { alg },
    expect: [200, 202],
  });
  if (answer.status === 202) {
    guide.say(
      'The rotation is not finished. The new key is published. It becomes active when every verifier has ' +
        'acknowledged it. For the first 25 s after its start, auth does not know all verifiers, so it waits. ' +
        'Meanwhile the old key signs and nothing fails. Asking GET /admin/keys until no rotation is open …',
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
