import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { Role } from '../sessions/scopes.js';

/** Somebody who can log in. */
@Entity('account')
export class Account {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  /** In lower case and Unicode NFC; unique. */
  @Column('text')
  email!: string;

  /** argon2id in PHC form, parameters included. */
  @Column('text', { name: 'password_hash' })
  passwordHash!: string;

  @Column('text', { array: true })
  roles!: Role[];

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'disabled_at', nullable: true })
  disabledAt!: Date | null;
}
