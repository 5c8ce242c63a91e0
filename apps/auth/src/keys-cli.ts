/** `npm run keys -- list | rotate | revoke | anchor | recover | reseal`. It needs auth's secret files and no token. */
import { NestFactory } from '@nestjs/core';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlgorithmName } from '#jws';
import type { KeyRevocationReason } from '#statements';
import {
  createLogger,
  isDatabaseUnavailable,
  nestLogger,
  SECURITY,
  ServiceError,
  settingsOrExit,
  withActor,
} from '#service-kit';
import { AnchorExchangeService } from './rotation/anchor-exchange.service.js';
import { AuthCommandsModule } from './auth.module.js';
import { authSettings, SERVICE } from './config.js';
import { authProblems } from './errors.js';
import { readArguments, USAGE, type KeyArguments } from './keys-arguments.js';
import { ProvenStatement } from './key-set/proven-statement.js';
import { KeySetService } from './key-set/key-set.service.js';
import { NewestStatement } from './key-set/newest-statement.js';
import { RecoveryService } from './recovery/recovery.service.js';
import { AcknowledgementsService } from './verifiers/acknowledgements.service.js';
import { KeyRevocationService } from './rotation/key-revocation.service.js';
import { RotationService } from './rotation/rotation.service.js';
import { StatementBroadcast } from './statements/statement-broadcast.js';

/** The longest wait for NATS, from which the command learns the last statement. */
const NATS_WAIT_MS = 3_000;

const { positionals, values } = argumentsOrExit();
// The output is for people and scripts. So nothing but security events is logged.
const settings = { ...settingsOrExit(authSettings), logLevel: 'fatal' } as const;
const nest = nestLogger(createLogger({ service: SERVICE, level: 'info', destination: process.stderr }));
const app = await NestFactory.createApplicationContext(AuthCommandsModule.forRoot(settings), {
  // Security events go to standard error.
  logger: {
    log: (message, ...rest: unknown[]) => {
      if (rest.at(-1) === SECURITY) nest.log(message, ...rest);
    },
    warn: () => undefined,
    error: () => undefined,
  },
});
try {
  await Promise.race([app.get(StatementBroadcast).compared, delay(NATS_WAIT_MS, undefined, { ref: false })]);
  // A command does no work by timer. So it reads once what the replicas of auth know.
  await app.get(NewestStatement).refresh();
  await app.get(AcknowledgementsService).load();
  const { fault } = app.get(ProvenStatement);
  if (fault) process.stderr.write(`${fault}\n`);
  process.stdout.write(`${await withActor('operator', () => run(positionals[0]!))}\n`);
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exitCode = 1;
} finally {
  await app.close();
}

async function run(command: string): Promise<string> {
  const rotations = app.get(RotationService);
  switch (command) {
    case 'list': {
      const keys = await app.get(KeySetService).allKeys();
      return keys
        .map(({ kid, alg, status, revocationReason, revocationNote }) =>
          [kid, alg, status, revocationReason, revocationNote].filter((fact) => fact !== null).join('  '),
        )
        .join('\n');
    }
    case 'rotate': {
      const { alg } = values;
      const waitForThirdParties = values['wait-for-third-parties'];
      const result = await rotations.rotate(isAlgorithmName(alg) ? alg : undefined, { waitForThirdParties });
      const cached = `third parties may hold a JWKS without this key until ${result.jwksCachedUntil?.toISOString()}`;
      return result.done
        ? `${result.kid} is active, epoch ${result.epoch}; ${cached}`
        : `${result.kid} waits for ${result.waitingFor.join(', ')}; ${cached}; auth continues the rotation by itself`;
    }
    case 'revoke': {
      const { kid, epoch, activeKid, silent } = await app.get(KeyRevocationService).revoke(positionals[1]!, {
        reason: values.reason as KeyRevocationReason,
        note: values.note ?? null,
        includeStandby: values.standby,
      });
      const acknowledgedBy =
        silent.length === 0 ? 'every counted verifier' : `all counted verifiers but ${silent.join(', ')}`;
      return `${kid} is revoked, epoch ${epoch}; ${activeKid ?? 'nothing'} signs now; acknowledged by ${acknowledgedBy}`;
    }
    case 'anchor':
      return anchor(app.get(AnchorExchangeService));
    case 'recover': {
      const { from, after, epoch, endedSessions } = await app.get(RecoveryService).recover();
      return `the database was at epoch ${from}, but epoch ${after} was already published; auth continues with epoch ${epoch}.\nAll keys are replaced, ${endedSessions} sessions are ended.`;
    }
    default:
      return `${await app.get(RecoveryService).reseal()} keys are sealed under the first key-encryption key; remove the others from KEY_ENCRYPTION_KEY_FILES`;
  }
}

async function anchor(anchors: AnchorExchangeService): Promise<string> {
  for (const name of values.drop) {
    const [service, instance] = name.split('/');
    await anchors.drop({ service: service!, instance: instance! });
  }
  const { current, next, verifiers } = await anchors.list();
  if (values.proceed) return `statements are signed by the anchor ${await anchors.proceed()} from now on`;
  const shown = verifiers.map(({ service, instance, pins, age }) => {
    const which = next === null ? pins.join(' ') : pins.includes(next) ? 'pins the next' : 'lacks the next';
    return `${service}/${instance}  ${which}  acknowledged ${Math.max(0, Math.round(age))} s ago`;
  });
  return [`signing: ${current ?? 'none yet'}`, `next: ${next ?? 'none'}`, ...shown].join('\n');
}

/** The reason of an error that an operator can solve. It throws any other error: that is a fault of auth. */
function reasonOf(error: unknown): string {
  if (isDatabaseUnavailable(error)) return 'The database cannot be reached';
  if (!(error instanceof ServiceError)) throw error;
  return authProblems[error.code as keyof typeof authProblems]?.title ?? error.message;
}

function argumentsOrExit(): KeyArguments {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exit(2);
  }
}
