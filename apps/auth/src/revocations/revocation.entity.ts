import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import type { RevokedKind } from '#statements';

const fromText = { from: (value: string | null) => value && Number(value), to: (value: number) => value };

/** A revocation that matters still, signed, with where NATS keeps it: the outbox and the source of repairs in one. */
@Entity('revocation')
@Check('revocation_kind', `kind IN ('jti', 'sid', 'client_id')`)
export class RevocationRecord {
  /** bigint; PostgreSQL's driver hands it over as text. */
  @PrimaryColumn('bigint', { transformer: fromText })
  n!: number;

  @Column('text')
  kind!: RevokedKind;

  @Column('text')
  value!: string;

  /** The compact JWS. */
  @Column('text')
  jws!: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  /** When every token that it refuses has expired, by any clock that is tolerated. */
  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  /** The stream that it is stored in, by the time of its making; null until it is. */
  @Column('text', { nullable: true })
  stream!: string | null;

  /** Its sequence in the stream; null where another replica had stored it. */
  @Column('bigint', { nullable: true, transformer: fromText })
  sequence!: number | null;
}
