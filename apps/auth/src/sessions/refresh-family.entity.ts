import { Column, Entity, Index, JoinColumn, OneToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Session } from './session.entity.js';

/** A token that was used and replaced a moment ago. */
export interface UsedToken {
  readonly hash: string;
  /** In milliseconds since the epoch, by the clock of the database. */
  readonly at: number;
}

/**
 * The refresh tokens of one session. All of them share a tag. One of them is unused at any time. The row has the same
 * size after ten thousand refreshes: it remembers only what was used within the grace.
 */
@Entity('refresh_family')
@Index('refresh_family_tag', ['tagHash'], { unique: true })
export class RefreshFamily {
  @PrimaryColumn('uuid', { name: 'session_id' })
  sessionId!: string;

  @OneToOne(() => Session, { nullable: false, onDelete: 'CASCADE', onUpdate: 'CASCADE' })
  @JoinColumn({ name: 'session_id', foreignKeyConstraintName: 'refresh_family_session' })
  session!: Relation<Session>;

  @Column('text', { name: 'tag_hash' })
  tagHash!: string;

  /** Of the unused token. */
  @Column('text', { name: 'token_hash' })
  tokenHash!: string;

  /** The newest first. */
  @Column('jsonb')
  used!: readonly UsedToken[];

  /** The unused token, encrypted under the token that was used last. Null until one was used. */
  @Column('text', { nullable: true })
  successor!: string | null;

  /** The audience of the login. A refresh that names none asks for it. */
  @Column('text')
  audience!: string;

  /** The unused token is good until then. */
  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
