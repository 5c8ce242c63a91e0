/** Why this machine or its state folder cannot run the system. Codes are stable. */
type SetupErrorCode =
  | 'bad_argument'
  | 'bad_service_table'
  | 'already_running'
  | 'port_in_use'
  | 'state_damaged'
  | 'postgres_unavailable'
  | 'nats_server_unavailable'
  | 'psql_unavailable'
  | 'child_failed'
  | 'not_ready';

/** A fault of the machine or of its state folder, not of the code. The message says what to do. */
export class SetupError extends Error {
  constructor(
    readonly code: SetupErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'SetupError';
  }
}
