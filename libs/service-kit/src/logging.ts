import { types } from 'node:util';
import type { DestinationStream, Logger } from 'pino';
import { pino } from 'pino';
import { currentRequestId, currentTrace } from './request-context.js';

export type { Logger } from 'pino';

const secretNames = [
  'authorization',
  'cookie',
  'password',
  'currentPassword',
  'newPassword',
  'token',
  'access_token',
  'refresh_token',
  'client_assertion',
];

interface LoggerOptions {
  readonly service: string;
  readonly level: string;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/**
 * Makes the logger of a process. Each entry is one JSON line on standard output, with the service, the request id and the
 * trace id. Secrets must not be passed to the logger. As a second protection, fields with the name of a secret are redacted, at
 * the top level and one level below.
 */
export function createLogger({ service, level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: () => ({ requestId: currentRequestId(), traceId: currentTrace()?.traceId }),
    redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    serializers: { err: describeError },
  };
  // By default pino writes later, and the last line of a process that exits is lost.
  return pino(options, destination ?? pino.destination({ dest: 1, sync: true }));
}

/** Copies only these fields of an error: a failed query has its parameters as a property, and those may be secrets. */
function describeError(error: unknown, depth = 0): unknown {
  if (!isError(error)) return error;
  const { name, message, stack, cause } = error;
  const code = (error as { code?: unknown }).code;
  return {
    name,
    code,
    message,
    stack,
    cause: depth < 5 && cause ? describeError(cause, depth + 1) : undefined,
  };
}

/** Errors of Node itself have another `Error` if code runs in its own context, as under jest. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
