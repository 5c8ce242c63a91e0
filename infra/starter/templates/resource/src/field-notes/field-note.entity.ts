import { Check, Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** A row belongs to one account. Only its title changes: the database does not let the service change anything else. */
@Entity('field_notes')
@Check('field_notes_title_length', 'length(title) BETWEEN 1 AND 200')
@Index('field_notes_of_user', ['userId', 'createdAt', 'id'])
export class FieldNote {
  @PrimaryColumn('uuid')
  id!: string;

  /** The `sub` of the account that added it. */
  @Column('text', { name: 'user_id' })
  userId!: string;

  @Column('text')
  title!: string;

  /** With milliseconds, like the cursors of lists. */
  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
