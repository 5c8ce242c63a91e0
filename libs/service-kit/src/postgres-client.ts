/** The PostgreSQL driver as every program of ours uses it; nothing else imports `pg`, but for tests. */
import './driver-environment.js';
import pg from 'pg';

/**
 * Both ends look after a silent connection, so that each notices within 30 s that the other one's host is gone: the
 * client drops the connection, the server also the locks that were held by it. Left alone they would take 2 h.
 */
export const keptAlive = {
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,

  options: '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4',
} satisfies pg.ClientConfig;

/**
 * A connection that may break at any moment, also between two of its users, when nobody listens: that must not end the
 * process. Whoever uses it next is told.
 */
export class PostgresClient extends pg.Client {
  /** Whether a query got no answer in its time. */
  silent = false;

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    this.query = ((...args: unknown[]) => this.endIfSilent(query(...args))) as typeof this.query;
  }

  /**
   * Ends the connection when a query gets no answer in its time. The pool would otherwise lend it out again, and each
   * later query would wait behind the one that is never answered. It has ended before the error is seen, so that the
   * pool cannot lend it out in between.
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
