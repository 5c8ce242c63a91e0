import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One Idempotency-Key of one user: claimed by a request that is being handled, or holding the answer of one that succeeded. */
@Entity('idempotency_keys')
export class IdempotencyKeyRecord {
  @PrimaryColumn('text', { name: 'user_id' })
  userId!: string;

  @PrimaryColumn('text')
  key!: string;

  /** SHA-256 of the request, in hexadecimal. */
  @Column('text', { name: 'request_hash' })
  requestHash!: string;

  /** Who holds the key: only the attempt that knows this value may complete or release it. */
  @Column('uuid')
  claim!: string;

  @Index('idempotency_keys_oldest')
  @Column('timestamptz', { name: 'claimed_at', default: () => 'now()' })
  claimedAt!: Date;

  /** `json`, which keeps the order of members, so that a repeated answer is the same to the byte. */
  @Column('json', { nullable: true })
  answer!: object | null;
}
