import { Check, Column, Entity, ForeignKey, PrimaryGeneratedColumn } from 'typeorm';
import { SigningKey } from '../keys/signing-key.entity.js';

/**
 * A rotation. Any replica continues it, also after the replica that began it has crashed. Its cause is `emergency` if
 * no key was active when it began.
 */
@Entity('rotation')
@Check('rotation_cause', `cause IN ('requested', 'scheduled', 'emergency')`)
@Check('rotation_outcome', `outcome IN ('activated', 'aborted')`)
@Check('rotation_ended', '(ended_at IS NULL) = (outcome IS NULL)')
export class Rotation {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column('text')
  @ForeignKey(() => SigningKey, 'kid', { name: 'rotation_key', deferrable: 'INITIALLY DEFERRED' })
  kid!: string;

  @Column('text')
  cause!: 'requested' | 'scheduled' | 'emergency';

  /** Whether it also waits for third parties. They never acknowledge, and they may cache the JWKS. */
  @Column('boolean', { name: 'waits_for_jwks', default: false })
  waitsForJwks!: boolean;

  @Column('timestamptz', { name: 'requested_at' })
  requestedAt!: Date;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt!: Date | null;

  @Column('text', { nullable: true })
  outcome!: 'activated' | 'aborted' | null;
}
