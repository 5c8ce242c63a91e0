import { Check, Column, Entity, ForeignKey, PrimaryGeneratedColumn } from 'typeorm';
import { SigningKey } from '../keys/signing-key.entity.js';

/**
 * A key waiting to become active. It outlives the process that began it: any replica carries it on. `emergency` is
 * the rotation that follows when active and standby were revoked together.
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

  /** Also waits for third parties, who never acknowledge and may cache the JWKS. */
  @Column('boolean', { name: 'waits_for_jwks', default: false })
  waitsForJwks!: boolean;

  @Column('timestamptz', { name: 'requested_at' })
  requestedAt!: Date;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt!: Date | null;

  @Column('text', { nullable: true })
  outcome!: 'activated' | 'aborted' | null;
}
