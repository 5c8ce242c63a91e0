import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import { Account } from '../accounts/account.entity.js';

/**
 * A session. A login begins it, and refreshes make it last. Tokens name it in `sid`. It is live until it ends or expires.
 * The row is deleted one day after the expiry.
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
   * No token of the session is good after this time: neither its last access token, at any verifier, nor its refresh
   * token. During an upgrade, replicas of an old version do not write this column. For them it has the longest possible
   * life of a token as its default, spelled as PostgreSQL returns it.
   */
  @Column('timestamptz', { name: 'expires_at', default: () => "(now() + '01:00:10')" })
  expiresAt!: Date;

  /**
   * The time at which its last access token has expired at every verifier. A session that ends later needs no
   * revocation. Its default is for old versions, too.
   */
  @Column('timestamptz', { name: 'token_expires_at', default: () => "(now() + '01:00:10')" })
  tokenExpiresAt!: Date;

  /** The time of the login or of the last refresh. */
  @Column({ name: 'last_used_at', type: 'timestamptz', precision: 3, default: () => 'now()' })
  lastUsedAt!: Date;

  /** The network address of the login or of the last refresh. Null for sessions from before this column. */
  @Column('text', { nullable: true })
  address!: string | null;

  /** The User-Agent field of the login, cut to 200 characters. Null if there was none. */
  @Column('text', { nullable: true })
  device!: string | null;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt!: Date | null;
}
