import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * An OAuth client (RFC 6749 §2): a service that asks auth for tokens, by the name of the service. `client_id` of a token
 * names it. `web` is the client of every login by password. It has no key, and it cannot be disabled. A row is never
 * deleted.
 */
@Entity('client')
@Check('client_web_stays', `id <> 'web' OR disabled_at IS NULL`)
export class Client {
  @PrimaryColumn('text')
  id!: string;

  /** From then on auth gives it no token. */
  @Column('timestamptz', { name: 'disabled_at', nullable: true })
  disabledAt!: Date | null;
}
