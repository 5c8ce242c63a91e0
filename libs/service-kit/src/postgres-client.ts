/** The PostgreSQL driver with the options that all programs use. Except for tests, nothing else imports `pg`. */
import './driver-environment.js';
import pg from 'pg';

/**
 * Both ends probe a silent connection. So each end notices within 30 s that the host of the other is gone. The client
 * then drops the connection, and the server also releases its locks. By default this would take 2 h.
 */
export const keptAlive = {
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,

  options: '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4',
} satisfies pg.ClientConfig;

/**
 * A connection that does not end the process when it breaks. It can break at any time, also while nobody uses it and
 * nobody listens for its errors. Its next user gets an error.
 */
export class PostgresClient extends pg.Client {
  /** Whether a query got no answer in time. */
  silent = false;

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    this.query = ((...args: unknown[]) => this.endIfSilent(query(...args))) as typeof this.query;
  }

  /**
   * Ends the connection if a query gets no answer in time. Otherwise the pool would lend it out again, and each later
   * query would wait behind the one that is never answered. The connection ends before the caller sees the error, so
   * the pool cannot lend it out in between.
   */
  private endIfSilent(answer: unknown): unknown {
    if (!(answer instanceof Promise)) return answer;
    return answer.catch((error: unknown) => {
      if (error instanceof Error && error.message === 'Query read timeout') {
        this.silent = true;
        void this.end();
      }
      throw error;
    });
  }
}

export const { escapeIdentifier } = pg;
