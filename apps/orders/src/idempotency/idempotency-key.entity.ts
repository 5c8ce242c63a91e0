import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * One Idempotency-Key of one user. A request in progress claims it, or it holds the answer of a request that succeeded.
 */
@Entity('idempotency_keys')
export class IdempotencyKeyRecord {
  @PrimaryColumn('text', { name: 'user_id' })
  userId!: string;

  @PrimaryColumn('text')
  key!: string;

  /** SHA-256 of the request, in hexadecimal. */
  @Column('text', { name: 'request_hash' })
  requestHash!: string;

  /** The claim. Only the request that knows this value may complete or release the key. */
  @Column('uuid')
  claim!: string;

  @Index('idempotency_keys_oldest')
  @Column('timestamptz', { name: 'claimed_at', default: () => 'now()' })
  claimedAt!: Date;

  /** The type `json` keeps the order of members. So a repeated answer has the same bytes. */
  @Column('json', { nullable: true })
  answer!: object | null;
}
