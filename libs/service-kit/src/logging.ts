import { types } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import type { DestinationStream, Logger } from 'pino';
import { pino } from 'pino';
import { currentRequestId } from './request-context.js';

export type { Logger } from 'pino';

const secretNames = [
  'authorization',
  'cookie',
  'password',
  'token',
  'access_token',
  'refresh_token',
  'client_assertion',
];

interface LoggerOptions {
  readonly service: string;
  readonly level: string;
  /** Standard output by default. */
  readonly destination?: DestinationStream;
}

/**
 * The logger of a process: one JSON line an entry on standard output, with the service and the request id.
 * Fields named like a secret are blanked at the top and one level down; that is a net under the rule that secrets are
 * not handed to the logger, not a replacement for it.
 */
export function createLogger({ service, level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: () => ({ requestId: currentRequestId() }),
    redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    serializers: { err: describeError },
  };
  // By default pino writes behind the caller's back and loses the last line of a process that exits.
  return pino(options, destination ?? pino.destination({ dest: 1, sync: true }));
}

/** Contexts of what Nest tells at its start: which module it made, which route it mapped. */
const nestContexts: readonly unknown[] = [
  ...['NestFactory', 'NestApplication', 'InstanceLoader', 'InjectorLogger', 'InstanceWrapper'],
  ...['RoutesResolver', 'RouterExplorer'],
];

/**
 * What is written by Nest's `Logger`, as lines of the same log. A `log` is at level info, unless it is Nest's own: that
 * is detail to anyone who runs the service. The properties of an object become fields of the line.
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

/** Chosen fields only: a failed query carries its parameters as a property, and those may be secrets. */
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

/** Errors of Node itself have another `Error` where code runs in a context of its own, as under a test runner. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
