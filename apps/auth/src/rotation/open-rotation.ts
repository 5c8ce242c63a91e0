/** Reads and writes the row of the open rotation, within a change of the key set. */
import { IsNull, type EntityManager } from 'typeorm';
import { activeKey, standbyKey, type KeyRecords } from '../keys/key-life-cycle.js';
import type { ChangeContext } from '../key-set/key-set.service.js';
import { Rotation } from './rotation.entity.js';

/** Begins a rotation. Its key is prepared already, or the same change prepares it. */
export async function beginRotation(
  { tx, now, tell }: ChangeContext,
  kid: string,
  cause: Rotation['cause'],
  { waitsForJwks = false }: { waitsForJwks?: boolean } = {},
): Promise<Rotation> {
  const row = { kid, cause, waitsForJwks, requestedAt: now, endedAt: null, outcome: null };
  const rotation = await tx.save(tx.create(Rotation, row));
  tell('rotation.started', { rotation: rotation.id, kid, cause });
  return rotation;
}

/** Ends an open rotation. */
export async function endRotation(
  { tx, now, tell }: ChangeContext,
  { id, kid }: Rotation,
  outcome: NonNullable<Rotation['outcome']>,
): Promise<void> {
  await tx.update(Rotation, { id }, { endedAt: now, outcome });
  tell(outcome === 'aborted' ? 'rotation.aborted' : 'rotation.finished', { rotation: id, kid });
}

/** The open rotation. There is one at most. */
export function openRotation(manager: EntityManager): Promise<Rotation | null> {
  return manager.findOneBy(Rotation, { endedAt: IsNull() });
}

/** Begins an emergency rotation to the standby if no key is active and no rotation is open. */
export async function beginEmergencyIfNeeded(context: ChangeContext, keys: KeyRecords): Promise<void> {
  const standby = standbyKey(keys);
  if (activeKey(keys) || !standby || (await openRotation(context.tx))) return;
  await beginRotation(context, standby.kid, 'emergency');
}

/** Ends the open rotation if its key is no longer prepared. */
export async function endIfNotPrepared(
  context: ChangeContext,
  open: Rotation | null,
  keys: KeyRecords,
): Promise<void> {
  const status = open && keys.find(({ kid }) => kid === open.kid)?.status;
  if (!open || status === 'prepared') return;
  await endRotation(context, open, status === 'active' ? 'activated' : 'aborted');
}
