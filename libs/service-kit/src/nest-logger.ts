import type { LoggerService } from '@nestjs/common';
import { isError, type Logger } from './logging.js';

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
