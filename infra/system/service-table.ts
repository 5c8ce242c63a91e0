/** Checks the table of services as a whole: against itself, the folders of apps/, and the scopes that auth gives. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../project.js';
import { nameFault } from './service-names.js';
import { serverPortOffsets, services, type ServiceRow } from './services.js';
import { SetupError } from './setup-error.js';

/** The greatest port offset. So a system takes at most 100 ports. */
const greatestOffset = 99;

/** What the table must agree with. */
interface Surroundings {
  /** The services that have a program. */
  programs: readonly string[];
  /** The audiences for which auth gives scopes. */
  audiences: readonly string[];
}

/** Checks our table against our build. @throws SetupError `bad_service_table`, with a line for each fault. */
export async function requireServiceTable(): Promise<void> {
  const programs = services
    .map(({ name }) => name)
    .filter((name) => existsSync(built(`${name}/src/main.js`)));
  const faults = tableFaults(services, { programs, audiences: await scopedAudiences() });
  if (faults.length > 0) throw new SetupError('bad_service_table', faults.join('\n'));
}

/** The faults of a table, a line for each. Each line says what to change. Empty if there is none. */
export function tableFaults(rows: readonly ServiceRow[], { programs, audiences }: Surroundings): string[] {
  const names = rows.map(({ name }) => name);
  const issuers = rows.filter(({ trust }) => trust === 'issuer').map(({ name }) => name);
  const faults = [
    ...(issuers.join() === 'auth'
      ? []
      : ['exactly one row must have trust: "issuer", and its name must be auth']),
    ...rows.flatMap((row, index) => rowFaults(row, rows.slice(0, index), names)),
  ].map((fault) => `infra/system/services.ts: ${fault}.`);
  for (const { name, trust } of rows) {
    if (!programs.includes(name))
      faults.push(
        `apps/${name}/src/main.ts is missing. Write it, or remove the row ${name} from infra/system/services.ts.`,
      );
    if (trust === 'verifier' && !audiences.includes(name))
      faults.push(
        `No role and no service gets a scope for ${name}. Add one in apps/auth/src/accounts/scopes.ts.`,
      );
  }
  for (const audience of audiences.filter((each) => !names.includes(each)))
    faults.push(
      `apps/auth gives scopes for ${audience}, and there is no such service. Remove them from apps/auth/src/accounts/scopes.ts (or oauth/exchange-policy.ts), or add a row to infra/system/services.ts.`,
    );
  return faults;
}

/** The first reason why a service cannot have this port offset. Undefined if it can. */
export function offsetFault(portOffset: number, others: readonly ServiceRow[]): string | undefined {
  if (!Number.isInteger(portOffset) || portOffset < 0 || portOffset > greatestOffset)
    return `the port offset ${portOffset} is not possible. Expected: a whole number from 0 to ${greatestOffset}`;
  const owner =
    others.find((row) => row.portOffset === portOffset)?.name ??
    Object.entries(serverPortOffsets).find(([, offset]) => offset === portOffset)?.[0];
  return owner === undefined
    ? undefined
    : `the port offset ${portOffset} belongs to ${owner}. The next free one is ${nextOffset(others)}`;
}

/** The smallest port offset after those of the services that is free. */
export function nextOffset(rows: readonly ServiceRow[]): number {
  const taken: number[] = [...rows.map((row) => row.portOffset), ...Object.values(serverPortOffsets)];
  let next = Math.max(...rows.map((row) => row.portOffset)) + 1;
  while (taken.includes(next)) next += 1;
  return next;
}

function rowFaults(row: ServiceRow, before: readonly ServiceRow[], names: readonly string[]): string[] {
  const { name, calls, portOffset, idempotentPosts, guardedRoute } = row;
  const offset = offsetFault(portOffset, before);
  return [
    nameFault(name) ?? [],
    before.some((other) => other.name === name)
      ? `the name ${name} is there twice. Remove or rename one row`
      : [],
    offset === undefined ? [] : `${name}: ${offset}`,
    calls
      .filter((callee) => callee === name || !names.includes(callee))
      .map((callee) => `${name} calls ${callee}. Expected: the name of another row`),
    idempotentPosts
      .filter((path) => !path.startsWith('/'))
      .map((path) => `${name}: the path "${path}" in idempotentPosts must begin with a slash`),
    guardedRoute === null || /^[A-Z]+ \/\S*$/.test(guardedRoute.route)
      ? []
      : `${name}: the guarded route "${guardedRoute.route}" must be a method and a path, such as GET /things`,
  ].flat();
}

async function scopedAudiences(): Promise<readonly string[]> {
  const { audiences } = await load<{ audiences: readonly string[] }>('auth/src/accounts/scopes.js');
  const verifiers = services.filter(({ trust }) => trust === 'verifier');
  if (verifiers.every(({ name }) => audiences.includes(name))) return audiences;
  // This one brings NestJS, which takes a moment. It is needed only for a service that other services alone may call.
  const { permissions } = await load<{ permissions: readonly { callee: string }[] }>(
    'auth/src/oauth/exchange-policy.js',
  );
  return [...new Set([...audiences, ...permissions.map(({ callee }) => callee)])];
}

/** Imports by path, because infra must not import an app. */
function load<T>(file: string): Promise<T> {
  return import(pathToFileURL(built(file)).href) as Promise<T>;
}

function built(file: string): string {
  return join(projectRoot, 'dist/apps', file);
}
