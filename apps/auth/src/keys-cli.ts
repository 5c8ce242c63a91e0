/**
 * `npm run keys -- list | rotate | revoke | …`: the commands of {@link USAGE}, without `rotate-client`. It needs auth's
 * secret files and no token.
 */
import { readFileSync } from 'node:fs';
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
import { ClientKeysService } from './oauth/client-keys.service.js';
import { clientRegistrationText } from './oauth/client-registration.js';
import { ClientStatusService, type ClientFacts } from './oauth/client-status.service.js';
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

/** An error of the operator, in words. */
class CommandRefused extends Error {}

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
      const until = result.jwksCachedUntil;
      const cached =
        until && until.getTime() > Date.now()
          ? `third parties may hold a JWKS without this key until ${until.toISOString()}`
          : 'third parties that honour max-age have this key';
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
    case 'clients':
      return (await app.get(ClientStatusService).list()).map(shown).join('\n');
    case 'disable-client':
      return shown(await app.get(ClientStatusService).disable(positionals[1]!));
    case 'enable-client':
      return shown(await app.get(ClientStatusService).enable(positionals[1]!));
    case 'client-keys':
      return changeClientKeys(positionals[1]!);
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

/** A line for a client, and a line for each of its keys. */
function shown({ id, disabledAt, revokedUntil, keys }: ClientFacts): string {
  const state = disabledAt === null ? 'enabled' : `disabled since ${disabledAt.toISOString()}`;
  const revoked = revokedUntil && `it can be enabled from ${revokedUntil.toISOString()} on`;
  const lines = keys.map(({ kid, alg, notAfter }) =>
    [`  ${kid}`, alg, notAfter && `ends ${notAfter.toISOString()}`].filter(Boolean).join('  '),
  );
  return [[id, state, revoked].filter(Boolean).join('  '), ...lines].join('\n');
}

async function changeClientKeys(file: string): Promise<string> {
  const registration = readRegistration(file);
  const others = !values['end-others'] ? 'stay' : values['at-once'] ? 'end-now' : 'end-soon';
  const { added, ended } = await app.get(ClientKeysService).register(registration, others);
  const lines = [
    ...added.map((kid) => `  ${kid} is accepted`),
    ...ended.map(({ kid, notAfter }) => `  ${kid} ends ${notAfter!.toISOString()}`),
  ];
  return [registration.client_id, ...(lines.length > 0 ? lines : ['  nothing changes'])].join('\n');
}

function readRegistration(file: string) {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandRefused(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  const parsed = clientRegistrationText.safeParse(text);
  if (!parsed.success)
    throw new CommandRefused(`${file}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`);
  return parsed.data;
}

/** The reason of an error that an operator can solve. It throws any other error: that is a fault of auth. */
function reasonOf(error: unknown): string {
  if (isDatabaseUnavailable(error)) return 'The database cannot be reached';
  if (error instanceof CommandRefused) return error.message;
  if (!(error instanceof ServiceError)) throw error;
  const title = authProblems[error.code as keyof typeof authProblems]?.title ?? error.message;
  return error.retryAfterSeconds === undefined ? title : `${title} (in ${error.retryAfterSeconds} s)`;
}

function argumentsOrExit(): KeyArguments {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exit(2);
  }
}
