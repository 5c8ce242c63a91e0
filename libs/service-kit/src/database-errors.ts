const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Connection exceptions, operator intervention (shutdown, crash, cancelled by timeout), too many connections. */
const sqlStates = /^(08...|57P0[1-3]|57014|53300)$/;

/**
 * Messages of errors without a code, from the driver, its pool and TypeORM. TypeORM releases a broken connection in the
 * middle of a transaction.
 */
const messages =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|timeout expired|Query read timeout|Driver not Connected|Cannot use a pool after calling end|Query runner already released|Database connection provided by a query runner was already released)/;

/**
 * Whether an error of TypeORM or pg means that the database cannot be used now. The same request may succeed later.
 * SQLSTATE classes: PostgreSQL, appendix A.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { driverError, code, message } = error as {
    driverError?: unknown;
    code?: unknown;
    message?: unknown;
  };
  if (driverError !== undefined && driverError !== error) return isDatabaseUnavailable(driverError);
  if (typeof code === 'string' && (networkCodes.has(code) || sqlStates.test(code))) return true;
  return typeof message === 'string' && messages.test(message);
}
