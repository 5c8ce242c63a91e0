import { Check, Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** An entry. The database enforces the check; the migration makes it. */
@Entity('entries')
@Check('entries_title_length', 'length(title) BETWEEN 1 AND 200')
@Index('entries_newest', ['createdAt', 'id'])
export class Entry {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  title!: string;

  /** With milliseconds, like the cursors of lists. */
  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
