/**
 * Whoever signs a token shares this lock; whoever changes the key that signs holds it alone. The locks of the rows
 * already keep the two apart, but are not fair: PostgreSQL lets a new FOR SHARE pass a FOR UPDATE that waits, so that
 * under steady load no rotation or revocation would come through. Advisory locks are given in order.
 */
import type { EntityManager } from 'typeorm';

/** Any constant does, as long as nothing else in the database uses it. */
const SIGNING = 7_519_002;

/** Waits for whoever changes the key that signs, or has asked to, and keeps others from it until the transaction ends. */
export async function shareSigning(tx: EntityManager): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock_shared($1)', [SIGNING]);
}

/** Waits for every token that is being signed; none is until the transaction ends. */
export async function holdSigning(tx: EntityManager): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [SIGNING]);
}
