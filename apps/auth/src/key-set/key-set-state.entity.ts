import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * The one row that every transition locks: the epoch counter and the last statement. It serialises all replicas, so
 * there is one sequence of epochs and never two statements of one epoch.
 */
@Entity('key_set')
@Check('key_set_one_row', 'id')
export class KeySetState {
  @PrimaryColumn('boolean')
  id!: true;

  /** bigint; PostgreSQL's driver hands it over as text. */
  @Column('bigint', { transformer: { from: Number, to: (value: number) => value } })
  epoch!: number;

  /** The compact JWS of `epoch`; null until the first. */
  @Column('text', { nullable: true })
  statement!: string | null;

  /** kid of the anchor that signs; null until the first statement. */
  @Column('text', { nullable: true })
  anchor!: string | null;

  @Column('timestamptz', { name: 'issued_at', nullable: true })
  issuedAt!: Date | null;
}
