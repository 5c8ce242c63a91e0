import type { DynamicModule, Type } from '@nestjs/common';
import type { HttpAppOptions } from './http-app.js';
import { createHttpApp } from './http-app.js';
import { createLogger } from './logging.js';
import type { HttpSettings, httpSettings } from './setting-groups.js';
import type { Settings, SettingsDefinition } from './settings.js';
import { settingsOrExit } from './settings-or-exit.js';

/** A definition with at least `httpSettings`. */
type ServiceDefinition = SettingsDefinition<typeof httpSettings>;

interface RunOptions<D extends ServiceDefinition> extends Pick<
  HttpAppOptions,
  'service' | 'version' | 'problems' | 'cookies' | 'oauth'
> {
  readonly settings: D;
}

/**
 * The limit for the whole shutdown: draining, then closing the database and NATS. Orchestrators send SIGKILL after
 * about 30 s.
 */
const shutdownTimeoutMs = 20_000;

/**
 * The main of a service: reads the settings, makes the app, listens, and logs one line. SIGTERM and SIGINT drain and
 * exit with 0. If the start fails, it exits with 1. All faults of the settings are printed on standard error; any other
 * error is logged.
 */
export async function runService<D extends ServiceDefinition>(
  moduleOf: (settings: Settings<D>) => Type<unknown> | DynamicModule,
  { service, version, problems, cookies, oauth, settings: definition }: RunOptions<D>,
): Promise<void> {
  const settings = settingsOrExit(definition) as Settings<D> & HttpSettings;
  const logger = createLogger({ service, level: settings.logLevel });
  try {
    const options = {
      service,
      version,
      settings,
      logger,
      ...(problems && { problems }),
      ...(cookies && { cookies }),
      ...(oauth && { oauth }),
    };
    const app = await createHttpApp(moduleOf(settings), options);
    const stop = (signal: NodeJS.Signals) => {
      logger.info({ signal }, 'stopping');
      setTimeout(() => process.exit(1), shutdownTimeoutMs).unref();
      // A signal may arrive during the start. Closing before `listen` is done would leave a server that listens.
      started
        .catch(() => undefined)
        .then(() => app.close())
        .then(
          () => process.exit(0),
          (err: unknown) => {
            logger.fatal({ err }, 'could not stop cleanly');
            process.exit(1);
          },
        );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    const started = app.listen(settings.port, settings.host);
    await started;
    logger.info({ url: await app.getUrl(), version }, 'listening');
  } catch (err) {
    logger.fatal({ err }, 'could not start');
    process.exit(1);
  }
}
