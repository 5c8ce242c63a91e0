import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import type { AlgorithmName, JsonObject } from '#jws';
import { Client } from './client.entity.js';

/** A public key of a client. Its private half signs the assertions of this client and nothing else. */
@Entity('client_key')
@Index('client_key_client', ['clientId'])
@Check('client_key_not_web', `client_id <> 'web'`)
export class ClientKey {
  /** RFC 7638 thumbprint of the public key. So a key belongs to one client at most. */
  @PrimaryColumn('text')
  kid!: string;

  @Column('text', { name: 'client_id' })
  clientId!: string;

  @ManyToOne(() => Client, { nullable: false })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'client_key_of_client' })
  client!: Relation<Client>;

  /** The only algorithm for which the key is used. */
  @Column('text')
  alg!: AlgorithmName;

  @Column('jsonb', { name: 'public_jwk' })
  publicJwk!: JsonObject;

  @Column('timestamptz', { name: 'added_at', default: () => 'now()' })
  addedAt!: Date;

  /** After this time auth accepts no assertion of the key. Null: no end is planned. */
  @Column('timestamptz', { name: 'not_after', nullable: true })
  notAfter!: Date | null;
}
