import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import { Account } from '../accounts/account.entity.js';

/**
 * What a login began. Tokens name it as `sid`; auth's own routes ask whether it is live: not ended, and not expired.
 * The row is kept for a day after it has expired.
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
   * When its last token has expired, by any clock that is tolerated. The default is the longest that may be. It is for
   * replicas of before this column, which write none, and spelt as PostgreSQL gives it back.
   */
  @Column('timestamptz', { name: 'expires_at', default: () => "(now() + '01:00:10')" })
  expiresAt!: Date;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt!: Date | null;
}
