/**
 * What a call of one service by another adds to the repository: the row and the permission, the setting with the address, a
 * client with a route that shows the call at the caller, a route for the caller at the callee, and a spec for each side. The
 * files are those of `templates/caller/` and `templates/callee/`, with the names in the place of `sample` and `partner`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, readProjectFile } from '../project.js';
import { camelName, upperName } from '../system/service-names.js';
import { defaultPortBase, services } from '../system/services.js';
import { allFormatted, type Plan } from './apply-plan.js';
import { addImport, insertAtEnd, insertAtStart, memberNames, textsIn, type SourceText } from './insert.js';
import { pascalName, rendered } from './rendered.js';

/** Which service calls which. */
export interface Pair {
  readonly caller: string;
  readonly callee: string;
}

export interface NewCall extends Pair {
  /** The scope that a token for the caller must have, so that the caller may exchange it. */
  readonly needs: string;
  /** The scope that the exchanged token gets. */
  readonly grants: string;
  /** Whether the call declares the scope that it grants. Then only services get it. */
  readonly declares: boolean;
}

const templates = {
  caller: [
    'src/callees/partner-callee.ts',
    'src/callees/partner-callee.controller.ts',
    'test/partner-callee.e2e-spec.ts',
  ],
  callee: ['src/callers/sample-caller.controller.ts', 'test/sample-caller.e2e-spec.ts'],
};
const tableFile = 'infra/system/services.ts';
const rolesFile = 'apps/auth/src/accounts/scopes.ts';
const policyFile = 'apps/auth/src/oauth/exchange-policy.ts';
const configFile = (service: string) => `apps/${service}/src/config.ts`;
const appFile = (service: string) => `apps/${service}/test/${service}-app.ts`;
const moduleFile = (service: string) => `apps/${service}/src/${service}.module.ts`;

/** The services that can call each other. */
export const callers: readonly string[] = services
  .filter(({ trust }) => trust === 'verifier')
  .map(({ name }) => name);

/** Why the one cannot get a call of the other, and what to change. Undefined if it can. */
export function pairFault({ caller, callee }: Pair): string | undefined {
  for (const name of [caller, callee]) {
    if (name === 'auth')
      return 'auth cannot be one of the two: it gives services their tokens for each other';
    if (!callers.includes(name)) return `There is no service "${name}". Expected: ${callers.join(' or ')}`;
  }
  if (caller === callee) return `${caller} cannot call itself. Name two services`;
  if (services.some(({ name, calls }) => name === caller && calls.includes(callee)))
    return `${caller} calls ${callee} already: ${tableFile} says so. Add a further route by hand: docs/service-tokens.md says how`;
  const present = Object.keys(createdFiles({ caller, callee }, {})).find((path) =>
    existsSync(join(projectRoot, path)),
  );
  if (present !== undefined) return `The file ${present} exists already. Remove it`;
  const field = `${camelName(callee)}Url`;
  if (memberNames(read(configFile(caller)), [settingsOf(caller)]).includes(field))
    return `${configFile(caller)} has the setting ${field} already. Remove it`;
  return undefined;
}

/**
 * The scopes that a call gets if nobody names them. An empty text is one that must be named: no role has a scope at the
 * caller, or a role has the one that only services should get.
 */
export function defaultScopes({ caller, callee }: Pair): Pick<NewCall, 'needs' | 'grants'> {
  const roleScopes = textsIn(read(rolesFile), ['SCOPES']);
  const own = declaredScopes(caller).filter((scope) => roleScopes.includes(scope));
  const [reading, calling] = [`${caller}:read`, `${callee}:call`];
  return {
    needs: own.includes(reading) ? reading : (own[0] ?? ''),
    grants: roleScopes.includes(calling) ? '' : calling,
  };
}

/** Why a call cannot have these scopes, and what to change. Undefined if it can. */
export function scopeFault({ caller, callee, needs, grants, declares }: NewCall): string | undefined {
  const [own, next] = [declaredScopes(caller), declaredScopes(callee)];
  if (needs === '')
    return `No role has a scope for ${caller}. Name one with --needs, or add one in ${rolesFile}`;
  if (grants === '')
    return `A role has the scope ${callee}:call. Name another one with --grants or --new-scope`;
  if (!own.includes(needs)) return `${caller} has no scope "${needs}". Expected: ${own.join(' or ')}`;
  if (!declares && !next.includes(grants))
    return `${callee} has no scope "${grants}". Expected: ${next.join(' or ')}; --new-scope makes a new one`;
  if (declares && next.includes(grants))
    return `${callee} has the scope "${grants}" already. Use --grants ${grants}`;
  if (declares && !new RegExp(`^${callee}:[a-z][a-z0-9-]*$`).test(grants))
    return `"${grants}" cannot be a scope of ${callee}. Expected: ${callee}: and then lower-case letters, such as ${callee}:call`;
  return undefined;
}

/** The scopes that the config of a service declares. */
export function declaredScopes(service: string): string[] {
  return memberNames(read(configFile(service)), ['ScopeRegistry']);
}

/** Makes the text of every file that a person would write by hand. */
export async function planCall(call: NewCall): Promise<Plan> {
  const { caller, callee, needs, grants, declares } = call;
  const scopes = { 'sample:write': needs, 'partner:call': grants };
  const changed = {
    [tableFile]: edited(tableFile, (table) =>
      insertAtEnd(table, ['services', caller, 'calls'], `'${callee}'`),
    ),
    [policyFile]: edited(policyFile, (policy) => insertAtEnd(policy, ['permissions'], permission(call))),
    [configFile(caller)]: callerConfig(call),
    [moduleFile(caller)]: callerModule(call),
    [appFile(caller)]: callerApp(call),
    ...(declares && {
      [configFile(callee)]: edited(configFile(callee), (config) =>
        insertAtEnd(config, ['ScopeRegistry'], declaration(grants)),
      ),
    }),
    [moduleFile(callee)]: calleeModule(call),
  };
  return {
    created: await allFormatted(createdFiles(call, scopes)),
    changed: await allFormatted(changed),
    removed: [],
  };
}

/** The files that the call adds, by their path. */
function createdFiles(
  { caller, callee }: Pair,
  scopes: Readonly<Record<string, string>>,
): Record<string, string> {
  const names = { sample: caller, partner: callee, ...scopes };
  const filesOf = (side: keyof typeof templates, service: string) =>
    templates[side].map((file) => {
      const text = readProjectFile(`infra/starter/templates/${side}/${file}`);
      return [`apps/${service}/${rendered(file, names)}`, rendered(text, names)] as const;
    });
  return Object.fromEntries([...filesOf('caller', caller), ...filesOf('callee', callee)]);
}

function permission({ caller, callee, needs, grants }: NewCall): string {
  return `// For apps/${caller}/src/callees/${callee}-callee.ts.
    { caller: '${caller}', callee: '${callee}', needs: '${needs}', grants: ['${grants}'] }`;
}

function declaration(scope: string): string {
  return `/** Only services get it, in exchange for the token of an account. */
    '${scope}': true;`;
}

function callerConfig({ caller, callee }: Pair): string {
  const path = configFile(caller);
  const into = [settingsOf(caller)];
  const isCaller = read(path).text.includes('...callerSettings');
  const names = ['baseUrl', 'setting', ...(isCaller ? [] : ['callerSettings'])];
  const members = [...(isCaller ? [] : ['...callerSettings']), address(callee)];
  return edited(
    path,
    ...names.map((name) => (config: SourceText) => addImport(config, name, '#service-kit/base')),
    ...members.map((member) => (config: SourceText) => insertAtEnd(config, into, member)),
  );
}

/** The setting with the URL of the callee. Its variable has the name that the system gives it. */
function address(callee: string): string {
  const { portOffset } = services.find(({ name }) => name === callee)!;
  // The name of a variable is made from the field, which does not show a dash before a digit.
  const env = /-\d/.test(callee) ? `env: '${upperName(callee)}_URL', ` : '';
  const doc = `the base URL of ${callee}, e.g. http://127.0.0.1:${defaultPortBase + portOffset}`;
  return `${camelName(callee)}Url: setting(baseUrl, { ${env}doc: '${doc}' })`;
}

function callerModule({ caller, callee }: Pair): string {
  const path = moduleFile(caller);
  const name = `${pascalName(callee)}Callee`;
  const client = `'${callee}': { baseUrl: settings.${camelName(callee)}Url }`;
  const hasClients = read(path).text.includes('ServiceClientsModule.forRoot(');
  return edited(
    path,
    (module) => addImport(module, 'ServiceClientsModule', '#service-kit'),
    (module) => addImport(module, name, `./callees/${callee}-callee.js`),
    (module) => addImport(module, `${name}Controller`, `./callees/${callee}-callee.controller.js`),
    (module) =>
      hasClients
        ? insertAtEnd(module, ['ServiceClientsModule.forRoot', 'callees'], client)
        : insertAtEnd(
            module,
            ['forRoot', 'imports'],
            `ServiceClientsModule.forRoot({ service: SERVICE, settings, callees: { ${client} } })`,
          ),
    (module) => insertAtEnd(module, ['forRoot', 'controllers'], `${name}Controller`),
    (module) => insertAtEnd(module, ['forRoot', 'providers'], name),
  );
}

/** Nobody answers at the address that specs give, except in the spec of the call. */
function callerApp({ caller, callee }: Pair): string {
  const added = `${camelName(callee)}Url: 'http://127.0.0.1:1'`;
  return edited(appFile(caller), (app) => insertAtStart(app, ['startTestService', 'settings'], added));
}

function calleeModule({ caller, callee }: Pair): string {
  const name = `${pascalName(caller)}CallerController`;
  return edited(
    moduleFile(callee),
    (module) => addImport(module, name, `./callers/${caller}-caller.controller.js`),
    (module) => insertAtEnd(module, ['forRoot', 'controllers'], name),
  );
}

function settingsOf(service: string): string {
  return `${camelName(service)}Settings`;
}

/** The text of a file after these changes. */
function edited(path: string, ...edits: ((source: SourceText) => string)[]): string {
  return edits.reduce((text, edit) => edit({ path, text }), readProjectFile(path));
}

function read(path: string): SourceText {
  return { path, text: readProjectFile(path) };
}
