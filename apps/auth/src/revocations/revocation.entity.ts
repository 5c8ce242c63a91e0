import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { RevokedKind } from '#statements';

const fromText = { from: (value: string | null) => value && Number(value), to: (value: number) => value };

/**
 * A signed revocation that still matters, and the place where NATS stores it. It is published again if NATS loses it.
 */
@Entity('revocation')
@Index('revocation_kind_value', ['kind', 'value'])
@Check('revocation_kind', `kind IN ('jti', 'sid', 'client_id')`)
export class RevocationRecord {
  /** The number of the revocation: a bigint, which the PostgreSQL driver returns as text. */
  @PrimaryColumn('bigint', { transformer: fromText })
  n!: number;

  @Column('text')
  kind!: RevokedKind;

  @Column('text')
  value!: string;

  /** The signed revocation: a compact JWS. */
  @Column('text')
  jws!: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  /** The time at which every token that it refuses has expired at every verifier. */
  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  /** The incarnation of the stream that stores it: the time when the stream was made. Null until it is stored. */
  @Column('text', { nullable: true })
  stream!: string | null;

  /** Its sequence in the stream. Null if another replica stored it. */
  @Column('bigint', { nullable: true, transformer: fromText })
  sequence!: number | null;
}
