import { Check, Column, Entity, PrimaryGeneratedColumn, Unique } from 'typeorm';
import type { Role } from './scopes.js';

/** A person who can log in. */
@Entity('account')
@Unique('account_email_unique', ['email'])
@Check('account_roles', `cardinality(roles) > 0 AND roles <@ ARRAY['customer', 'admin']`)
export class Account {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  /** In lower case and Unicode NFC. It is unique. */
  @Column('text')
  email!: string;

  /** The argon2id hash in PHC format, with its parameters. */
  @Column('text', { name: 'password_hash' })
  passwordHash!: string;

  @Column('text', { array: true })
  roles!: Role[];

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'disabled_at', nullable: true })
  disabledAt!: Date | null;
}
