import { types } from 'node:util';
import type { LoggerService } from '@nestjs/common';
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

/** The contexts of Nest's own lines at its start: which modules it made and which routes it mapped. */
const nestContexts: readonly unknown[] = [
  ...['NestFactory', 'NestApplication', 'InstanceLoader', 'InjectorLogger', 'InstanceWrapper'],
  ...['RoutesResolver', 'RouterExplorer'],
];

/**
 * Writes the lines of Nest's `Logger` into the same log. A `log` has level info. Nest's own lines have level debug,
 * because they are details to a person who runs the service. The properties of an object become fields of the line.
 */
export function nestLogger(logger: Logger): LoggerService {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error' | 'fatal') =>
    (message: unknown, ...rest: unknown[]) => {
      const context = rest.length > 0 ? rest.at(-1) : undefined;
      if (isError(message)) logger[level]({ context, err: message }, message.message);
      else if (typeof message === 'string') logger[level]({ context }, message);
      else logger[level]({ context, ...(message as object) }, (message as { event?: string }).event);
    };
  const [asDetail, asNews] = [write('debug'), write('info')];
  return {
    log: (message, ...rest: unknown[]) =>
      (nestContexts.includes(rest.at(-1)) ? asDetail : asNews)(message, ...rest),
    debug: write('debug'),
    verbose: write('debug'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
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
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
