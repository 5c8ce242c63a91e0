import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/**
 * A key waiting to become active. It outlives the process that began it: any replica carries it on. `emergency` is
 * the rotation that follows when active and standby were revoked together.
 */
@Entity('rotation')
export class Rotation {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column('text')
  kid!: string;

  @Column('text')
  cause!: 'requested' | 'scheduled' | 'emergency';

  @Column('timestamptz', { name: 'requested_at' })
  requestedAt!: Date;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt!: Date | null;

  @Column('text', { nullable: true })
  outcome!: 'activated' | 'aborted' | null;
}
