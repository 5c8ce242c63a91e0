/** Where doctor gets environments from. */
import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { ownSettings } from '../local/own-settings.js';
import { planAddresses } from '../local/system-plan.js';
import { environmentFor } from '../system/environment.js';
import { secretPaths } from '../system/secrets.js';
import { defaultPortBase, services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import type { Deployment } from './rule.js';

export type Environment = Readonly<Record<string, string>>;

/** The environments of one system. */
export interface Environments {
  /** Says what is examined, for the first line of the report. */
  readonly title: string;
  /** The environment of each service that is known. */
  readonly services: Readonly<Record<string, Environment>>;
  readonly replicas: Readonly<Record<string, number>>;
  readonly published: Deployment['published'];
  /** False if the files that settings name are in containers. */
  readonly filesAreHere: boolean;
}

const plain = { replicas: {}, published: [], filesAreHere: true };

/** The environments that `npm start` makes. @throws SetupError `bad_argument` if it has never run. */
export function localEnvironments(stateDir: string): Environments {
  if (!existsSync(secretPaths.credentials(stateDir)))
    throw new SetupError(
      'bad_argument',
      `There is no system in ${stateDir}. Run npm start once, or name the environment files of a production: npm run doctor -- --env auth=FILE`,
    );
  const addresses = planAddresses(stateDir, defaultPortBase, services, 'development');
  const demoData = { DEMO_DATA: 'true' };
  return {
    ...plain,
    title: `The environment of npm start in ${stateDir}. It is made for development, and is judged as if it were production.`,
    services: Object.fromEntries(
      services.map((row) => [
        row.name,
        { ...(row.seed !== 'none' && demoData), ...environmentFor(row, 'main', addresses), ...ownSettings() },
      ]),
    ),
  };
}

/** Reads files such as `auth=common.env`. Of several files for one service, a later one wins. @throws SetupError `bad_argument` */
export function environmentsInFiles(given: readonly string[]): Environments {
  const found: Record<string, Environment> = {};
  for (const argument of given) {
    const [, name = '', file = ''] = /^([^=]*)=(.*)$/.exec(argument) ?? [];
    if (!isService(name) || file === '')
      throw badArgument(
        `--env ${argument}: Expected: a service and a file, such as auth=/etc/signet/auth.env`,
      );
    found[name] = { ...found[name], ...(parseEnv(readText(file)) as Environment) };
  }
  return { ...plain, title: `The environment files of ${Object.keys(found).join(', ')}.`, services: found };
}

/** The environment of this process, as that of one service. @throws SetupError `bad_argument` */
export function processEnvironment(service: string, environment: NodeJS.ProcessEnv): Environments {
  if (!isService(service)) throw badArgument(`There is no service ${service}`);
  return {
    ...plain,
    title: `The environment of this process, as that of ${service}.`,
    services: { [service]: environment as Environment },
  };
}

const port = z.object({
  host_ip: z.string().optional(),
  published: z.string().optional(),
  target: z.number().optional(),
});
const container = z.object({
  environment: z.record(z.string(), z.string().nullable()).nullish(),
  deploy: z.object({ replicas: z.number().nullish() }).nullish(),
  ports: z.array(port).nullish(),
});
/** The parts of `docker compose config --format json` that doctor reads. */
const composition = z.object({ services: z.record(z.string(), container) });
type Container = z.infer<typeof container>;

/** Reads what `docker compose config --format json` prints. `-` is the standard input. @throws SetupError `bad_argument` */
export function compositionEnvironments(file: string): Environments {
  const containers = containersIn(file === '-' ? readText(0) : readText(file));
  const known = services.filter(({ name }) => containers[name] !== undefined);
  if (known.length === 0)
    throw badArgument(
      `--composition ${file}: it has none of the services ${services.map(({ name }) => name).join(', ')}`,
    );
  return {
    title: `The composition, with ${known.map(({ name }) => name).join(', ')}.`,
    services: Object.fromEntries(
      known.map(({ name }) => [
        name,
        { ...seedSettings(containers[`seed-${name}`]), ...environmentOf(containers[name]!) },
      ]),
    ),
    replicas: Object.fromEntries(known.map(({ name }) => [name, containers[name]?.deploy?.replicas ?? 1])),
    published: Object.entries(containers).flatMap(([container, { ports }]) =>
      (ports ?? []).map(({ host_ip: ip, published, target }) => ({
        container,
        port: `${ip ?? '0.0.0.0'}:${published ?? String(target)}`,
      })),
    ),
    filesAreHere: false,
  };
}

function containersIn(text: string): Record<string, Container> {
  try {
    return composition.parse(JSON.parse(text)).services;
  } catch (cause) {
    const expected = 'Expected: the output of docker compose config --format json';
    throw new SetupError('bad_argument', `--composition is no composition. ${expected}`, { cause });
  }
}

function environmentOf({ environment }: Container): Environment {
  return Object.fromEntries(Object.entries(environment ?? {}).map(([name, value]) => [name, value ?? '']));
}

/** The seed is a container of its own. Of its environment, only DEMO_DATA is not in that of the service. */
function seedSettings(seed: Container | undefined): Environment {
  const value = seed?.environment?.['DEMO_DATA'];
  return typeof value === 'string' ? { DEMO_DATA: value } : {};
}

function isService(name: string): boolean {
  return services.some((row) => row.name === name);
}

function readText(file: string | 0): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SetupError(
      'bad_argument',
      `${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`,
      { cause },
    );
  }
}

function badArgument(message: string): SetupError {
  return new SetupError('bad_argument', message);
}
