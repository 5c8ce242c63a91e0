import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import { Account } from '../accounts/account.entity.js';

/**
 * A session. A login begins it. Tokens name it in `sid`. It is live until it ends or expires. The row is deleted one
 * day after the expiry.
 */
@Entity('session')
@Index('session_expires_at', ['expiresAt'])
@Index('session_account_live', ['accountId'], { where: 'ended_at IS NULL' })
export class Session {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'account_id' })
  accountId!: string;

  @ManyToOne(() => Account, { nullable: false })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'session_account' })
  account!: Relation<Account>;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  /**
   * The time at which its last token has expired at every verifier. During an upgrade, replicas of an old version do
   * not write this column. For them it has the longest possible time as its default, spelled as PostgreSQL returns it.
   */
  @Column('timestamptz', { name: 'expires_at', default: () => "(now() + '01:00:10')" })
  expiresAt!: Date;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt!: Date | null;
}
