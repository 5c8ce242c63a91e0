/** Rules about lifetimes, rates and sizes. Each bound has its reason beside it. */
import { sameAsIssuer } from './address-rules.js';
import { eachValue, type ExaminedService, type Rule } from './rule.js';

const day = 24 * 3600;
const secondsPerHour = 3600;

/** PostgreSQL's defaults: 100 connections, of which 3 are kept for superusers. */
const databaseConnections = 97;

interface Bound {
  readonly setting: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly unit: string;
  readonly why: string;
}

const bounds: readonly Bound[] = [
  {
    setting: 'ACCESS_TOKEN_SECONDS',
    atMost: 900,
    unit: 's',
    why: 'a stolen token is good that long where no revocation arrives',
  },
  {
    setting: 'MAX_TOKEN_SECONDS',
    atMost: 900,
    unit: 's',
    why: 'a verifier would accept longer tokens than auth should sign',
  },
  {
    setting: 'STATEMENT_SECONDS',
    atMost: 3600,
    unit: 's',
    why: 'a verifier that is cut off believes its last statement that long',
  },
  {
    setting: 'JWKS_MAX_AGE_SECONDS',
    atMost: 3600,
    unit: 's',
    why: 'third parties accept a revoked key that long',
  },
  {
    setting: 'ROTATION_SECONDS',
    atLeast: 1,
    atMost: 90 * day,
    unit: 's',
    why: 'a signing key that was stolen unnoticed signs until it is rotated',
  },
  {
    setting: 'REFRESH_IDLE_SECONDS',
    atMost: 30 * day,
    unit: 's',
    why: 'a refresh token that was forgotten on a device is good that long',
  },
  {
    setting: 'REFRESH_ABSOLUTE_SECONDS',
    atMost: 90 * day,
    unit: 's',
    why: 'a stolen session lasts that long if nobody notices',
  },
  {
    setting: 'REFRESH_GRACE_SECONDS',
    atMost: 30,
    unit: 's',
    why: 'within this time a thief can use a refresh token again unnoticed',
  },
  {
    setting: 'PASSWORD_MIN_LENGTH',
    atLeast: 15,
    unit: 'characters',
    why: 'the password is the only factor (SP 800-63B-4)',
  },
  {
    setting: 'REFRESHES_PER_ADDRESS',
    atMost: 6_000,
    unit: 'in a minute',
    why: 'one address could keep auth busy',
  },
  {
    setting: 'BODY_LIMIT_BYTES',
    atMost: 1_048_576,
    unit: 'bytes',
    why: 'a few large requests could fill the memory',
  },
];

interface Rate {
  readonly count: string;
  readonly window: string;
  readonly perHour: number;
  readonly why: string;
}

const rates: readonly Rate[] = [
  {
    count: 'FAILED_LOGINS_PER_ACCOUNT',
    window: 'FAILED_LOGIN_WINDOW_SECONDS',
    perHour: 100,
    why: 'passwords of an account could be guessed',
  },
  {
    count: 'FAILED_LOGINS_PER_ADDRESS',
    window: 'FAILED_LOGIN_WINDOW_SECONDS',
    perHour: 2_000,
    why: 'one address could try stolen passwords at many accounts',
  },
  {
    count: 'REGISTRATIONS_PER_ADDRESS',
    window: 'REGISTRATION_WINDOW_SECONDS',
    perHour: 400,
    why: 'one address could fill the table of accounts, and find out who has one',
  },
];

export const limitRules: readonly Rule[] = [
  ...bounds.map(boundRule),
  ...rates.map(rateRule),
  {
    id: 'one-token-limit',
    settings: ['MAX_TOKEN_SECONDS'],
    safe: 'MAX_TOKEN_SECONDS is the same at every service',
    why: 'auth keeps revocations for its own value: a service with a greater one accepts tokens that it forgot',
    remedy: 'the MAX_TOKEN_SECONDS of auth',
    check: sameAsIssuer('MAX_TOKEN_SECONDS'),
  },
  {
    id: 'refresh-order',
    settings: ['REFRESH_IDLE_SECONDS', 'REFRESH_ABSOLUTE_SECONDS'],
    safe: 'A session ends earlier by idleness than by age',
    why: 'the idle limit has no effect otherwise',
    remedy: 'REFRESH_IDLE_SECONDS below REFRESH_ABSOLUTE_SECONDS',
    check: eachValue<number>('REFRESH_IDLE_SECONDS', (idle, service) =>
      idle > numberAt(service, 'REFRESH_ABSOLUTE_SECONDS')
        ? `${idle} is more than REFRESH_ABSOLUTE_SECONDS`
        : undefined,
    ),
  },
  {
    id: 'database-connections',
    settings: ['DATABASE_POOL_SIZE'],
    safe: `All processes together open at most ${databaseConnections} connections to PostgreSQL`,
    why: 'PostgreSQL has 100 by default and keeps 3 for superusers: a busy service could lock the others out',
    remedy:
      'smaller pools. Accept this finding if max_connections is greater, or if there are several servers',
    check: ({ services }) => {
      const total = services
        .map(
          (service) =>
            (service.values['DATABASE_POOL_SIZE'] === undefined
              ? 0
              : numberAt(service, 'DATABASE_POOL_SIZE')) * service.replicas,
        )
        .reduce((sum, each) => sum + each, 0);
      return total <= databaseConnections
        ? []
        : [{ setting: 'DATABASE_POOL_SIZE', problem: `together they may open ${total} connections` }];
    },
  },
  {
    id: 'log-level',
    settings: ['LOG_LEVEL'],
    safe: 'LOG_LEVEL is `info`',
    why: 'above it, security events are not logged; below it, logs hold more than operators need',
    remedy: 'LOG_LEVEL=info',
    check: eachValue<string>('LOG_LEVEL', (level) => (level === 'info' ? undefined : `it is ${level}`)),
  },
];

function boundRule({ setting, atLeast = 0, atMost = Infinity, unit, why }: Bound): Rule {
  const words = [
    ...(atLeast > 0 ? [`at least ${atLeast}`] : []),
    ...(atMost < Infinity ? [`at most ${atMost}`] : []),
  ].join(' and ');
  return {
    id: idOf(setting),
    settings: [setting],
    safe: `${setting} is ${words} (${unit})`,
    why,
    remedy: `${words} (${unit})`,
    check: eachValue<number>(setting, (value) =>
      value < atLeast || value > atMost ? `it is ${value}` : undefined,
    ),
  };
}

function rateRule({ count, window, perHour, why }: Rate): Rule {
  return {
    id: idOf(count),
    settings: [count, window],
    safe: `${count} allows at most ${perHour} in an hour`,
    why,
    remedy: `${count} / ${window} × 3600 of at most ${perHour}`,
    check: eachValue<number>(count, (value, service) => {
      const hourly = Math.round((value * secondsPerHour) / numberAt(service, window));
      return hourly > perHour ? `it allows ${hourly} in an hour` : undefined;
    }),
  };
}

function numberAt({ values }: ExaminedService, setting: string): number {
  return values[setting] as number;
}

function idOf(setting: string): string {
  return setting.toLowerCase().replaceAll('_', '-');
}
