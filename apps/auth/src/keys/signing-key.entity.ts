import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { AlgorithmName, JsonObject } from '#jws';
import type { KeyRevocationReason } from '#statements';

export const keyStatuses = ['prepared', 'active', 'retiring', 'retired', 'revoked'] as const;
export type KeyStatus = (typeof keyStatuses)[number];

/** A signing key and its history. A row follows the life cycle and is never deleted. */
@Entity('signing_key')
@Index('signing_key_one_active', ['status'], { unique: true, where: `status = 'active'` })
@Index('signing_key_published', ['preparedAt'], { where: `status IN ('prepared', 'active', 'retiring')` })
@Index('signing_key_revoked', ['revokedAt'], { where: `status = 'revoked'` })
@Check('signing_key_status', `status IN ('prepared', 'active', 'retiring', 'retired', 'revoked')`)
@Check('signing_key_active_since', `status <> 'active' OR activated_at IS NOT NULL`)
@Check('signing_key_retiring_until', `status <> 'retiring' OR verify_until IS NOT NULL`)
@Check('signing_key_until_retiring', `status NOT IN ('prepared', 'active') OR verify_until IS NULL`)
@Check('signing_key_retired_at', `(status = 'retired') = (retired_at IS NOT NULL)`)
@Check('signing_key_revoked_at', `(status = 'revoked') = (revoked_at IS NOT NULL)`)
@Check('signing_key_revocation_reason', `revocation_reason IN ('unspecified', 'compromised', 'superseded')`)
export class SigningKey {
  /** RFC 7638 thumbprint of the public key. */
  @PrimaryColumn('text')
  kid!: string;

  @Column('text')
  alg!: AlgorithmName;

  @Column('text')
  status!: KeyStatus;

  @Column('jsonb', { name: 'public_jwk' })
  publicJwk!: JsonObject;

  /** The private half, encrypted under the key-encryption key. The seal of a key that signs no more holds nothing. */
  @Column('text')
  seal!: string;

  @Column('timestamptz', { name: 'prepared_at' })
  preparedAt!: Date;

  @Column('timestamptz', { name: 'activated_at', nullable: true })
  activatedAt!: Date | null;

  @Column('timestamptz', { name: 'verify_until', nullable: true })
  verifyUntil!: Date | null;

  @Column('timestamptz', { name: 'retired_at', nullable: true })
  retiredAt!: Date | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;

  @Column('text', { name: 'revocation_reason', nullable: true })
  revocationReason!: KeyRevocationReason | null;

  /** The operator's own text about the revocation. It is never published. */
  @Column('text', { name: 'revocation_note', nullable: true })
  revocationNote!: string | null;
}
