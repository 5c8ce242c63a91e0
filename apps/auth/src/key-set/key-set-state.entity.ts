import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * The row that every change of the key set locks. It holds the epoch and the last statement. Because of the lock, one
 * replica at a time makes a change. So two statements never have the same epoch.
 */
@Entity('key_set')
@Check('key_set_one_row', 'id')
export class KeySetState {
  @PrimaryColumn('boolean')
  id!: true;

  /** A bigint. The PostgreSQL driver returns it as text. */
  @Column('bigint', { transformer: { from: Number, to: (value: number) => value } })
  epoch!: number;

  /** The statement with this epoch, a compact JWS. Null before the first statement. */
  @Column('text', { nullable: true })
  statement!: string | null;

  /** The kid of the anchor that signed the statement. Null before the first statement. */
  @Column('text', { nullable: true })
  anchor!: string | null;

  @Column('timestamptz', { name: 'issued_at', nullable: true })
  issuedAt!: Date | null;
}
