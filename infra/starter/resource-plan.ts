/**
 * What a new resource adds to a service. Its own files are those of `templates/resource/` that carry the name of the
 * template, `field-note`. The others are a small service around it, so that the template is compiled, linted and tested.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, readProjectFile } from '../project.js';
import { camelName } from '../system/service-names.js';
import { services } from '../system/services.js';
import { allFormatted, type Plan } from './apply-plan.js';
import { clashingIdentifier } from './clashing-identifier.js';
import { addImport, insertAtEnd, memberNames, textsIn, type SourceText } from './insert.js';
import { pascalName, rendered } from './rendered.js';
import { resourceNameFault, snakeName, spokenName, type ResourceNames } from './resource-names.js';

export interface NewResource extends ResourceNames {
  /** The service that gets it. */
  readonly service: string;
}

/** The services that can get a resource. The issuer is none of them: it holds the signing keys. */
export const resourceServices = services.filter(({ trust }) => trust === 'verifier').map(({ name }) => name);

const template = 'infra/starter/templates/resource';
const rolesFile = 'apps/auth/src/accounts/scopes.ts';
const firstTimestamp = 1790000000001;

/** Why this resource cannot be made, and what to change. Undefined if it can. */
export function resourceFault(resource: NewResource): string | undefined {
  return (
    serviceFault(resource) ?? resourceNameFault(resource) ?? takenFault(resource) ?? clashFault(resource)
  );
}

/** The scopes that the routes of a resource require. Only customers get them. */
export interface ResourceScopes {
  readonly names: readonly [read: string, write: string];
  /** False if customers have these scopes already. */
  readonly areNew: boolean;
}

/**
 * Where customers have `orders:read` and `orders:write`, these scopes mean: what is mine. They hold for the new resource,
 * too. Anywhere else the resource gets scopes of its own. A scope that exists there is another role's, or opens a route
 * that a customer may not use.
 */
export function scopesOf({ service, plural }: NewResource): ResourceScopes {
  const held = customerScopes(service);
  const ofService = namesOfScopes(service);
  const areNew = !ofService.every((scope) => held.includes(scope));
  return { names: areNew ? namesOfScopes(`${service}:${plural}`) : ofService, areNew };
}

/** Makes the text of every file that a person would write by hand. */
export async function planResource(resource: NewResource): Promise<Plan> {
  const scopes = scopesOf(resource);
  const changed = {
    ...changedInService(resource),
    ...(scopes.areNew && changedForScopes(resource, scopes)),
  };
  return {
    created: await allFormatted(createdFiles(resource)),
    changed: await allFormatted(changed),
    removed: [],
  };
}

function serviceFault({ service }: NewResource): string | undefined {
  const expected = `Expected: ${resourceServices.join(' or ')}`;
  if (services.some(({ name, trust }) => name === service && trust === 'issuer'))
    return `${service} issues the tokens, and has no resources. ${expected}`;
  if (!resourceServices.includes(service)) return `There is no service "${service}". ${expected}`;
  const missing = Object.values(filesOf(service)).find((path) => !existsSync(join(projectRoot, path)));
  return missing && `${missing} is missing. ${service} must have it, as the other services have theirs`;
}

/** Finds what has the name already: a file, a table, a route, an entity, a code or a scope. */
function takenFault(resource: NewResource): string | undefined {
  const { service, name, plural } = resource;
  const choose = 'Choose another name, or give another --plural';
  const file = [`apps/${service}/src/${plural}`, ...Object.keys(createdFiles(resource))].find((path) =>
    existsSync(join(projectRoot, path)),
  );
  if (file !== undefined) return `${file} exists already. ${choose}`;
  const table = snakeName(plural);
  const patterns = {
    [`the table ${table}`]: `CREATE TABLE (IF NOT EXISTS )?"?${table}"?[\\s(]|@Entity\\(['"\`]${table}['"\`]`,
    [`the route /${plural}`]: `@Controller\\(['"\`]/?${plural}['"\`/]`,
    [`the class ${pascalName(name)}`]: `\\bclass ${pascalName(name)}\\b`,
    [`the code ${codeOf(resource)}`]: `\\b${codeOf(resource)}\\b`,
  };
  const sources = sourcesOf(service);
  for (const [what, pattern] of Object.entries(patterns)) {
    const found = sources.find(({ text }) => new RegExp(pattern).test(text));
    if (found) return `${found.path} has ${what} already. ${choose}`;
  }
  const { names, areNew } = scopesOf(resource);
  const scope = areNew && names.find((each) => textsIn(source(rolesFile), ['SCOPES']).includes(each));
  return scope ? `${rolesFile} has the scope ${scope} already. ${choose}` : undefined;
}

function clashFault(resource: NewResource): string | undefined {
  const texts = templateFiles()
    .filter((file) => file.startsWith('src/'))
    .map(templateText);
  const clash = clashingIdentifier(texts, namesFor(resource));
  return (
    clash &&
    `"${resource.name}" cannot be the name of a resource: its code would have two meanings of ${clash}. Choose another name`
  );
}

function createdFiles(resource: NewResource): Record<string, string> {
  const names = namesFor(resource);
  return Object.fromEntries(
    templateFiles().map((file) => [
      `apps/${resource.service}/${rendered(file, names)}`,
      rendered(templateText(file), names),
    ]),
  );
}

/** What takes the places of the names in the template. */
function namesFor(resource: NewResource): Record<string, string> {
  const { service, name, plural } = resource;
  const [read, write] = scopesOf(resource).names;
  const { number, timestamp } = nextMigration(service);
  return {
    'sample:field-notes:read': read,
    'sample:field-notes:write': write,
    '1-field-notes': `${number}-${plural}`,
    [firstTimestamp]: String(timestamp),
    ...inEachForm('field-notes', plural),
    ...inEachForm('field-note', name),
    sample: service,
  };
}

/** The template has a dash in its name, so that each form of it is another text. */
function inEachForm(inTemplate: string, name: string): Record<string, string> {
  const forms = [(text: string) => text, snakeName, camelName, pascalName, spokenName];
  return Object.fromEntries(forms.map((form) => [form(inTemplate), form(name)]));
}

/** The number of the next migration in the name of its file, and its timestamp in the name of its class. */
function nextMigration(service: string): { number: number; timestamp: number } {
  const files = readdirSync(join(projectRoot, 'apps', service, 'src/database/migrations'));
  const numbers = files.map((file) => Number(/^\d+/.exec(file)?.[0] ?? 0));
  const { text } = source(filesOf(service).database);
  const timestamps = [...text.matchAll(/\d{13}\b/g)].map(([found]) => Number(found));
  return {
    number: Math.max(0, ...numbers) + 1,
    timestamp: Math.max(firstTimestamp - 1, ...timestamps) + 1,
  };
}

function changedInService(resource: NewResource): Record<string, string> {
  const { service, name, plural } = resource;
  const { module, database, errors } = filesOf(service);
  const [one, many] = [pascalName(name), pascalName(plural)];
  const { number, timestamp } = nextMigration(service);
  const migration = `${many}${timestamp}`;
  const code = codeOf(resource);
  const title = `You have no ${spokenName(name)} with this id`;
  return {
    [module]: edited(module, [
      (file) => addImport(file, `${many}Controller`, `./${plural}/${plural}.controller.js`),
      (file) => addImport(file, `${many}Service`, `./${plural}/${plural}.service.js`),
      (file) => insertAtEnd(file, ['forRoot', 'controllers'], `${many}Controller`),
      (file) => insertAtEnd(file, ['forRoot', 'providers'], `${many}Service`),
    ]),
    [database]: edited(database, [
      (file) => addImport(file, one, `../${plural}/${name}.entity.js`),
      (file) => addImport(file, migration, `./migrations/${number}-${plural}.js`),
      (file) => insertAtEnd(file, ['entities'], one),
      (file) => insertAtEnd(file, ['migrations'], migration),
    ]),
    [errors]: edited(errors, [
      (file) => insertAtEnd(file, [`${pascalName(service)}ErrorCode`], `'${code}'`),
      (file) =>
        insertAtEnd(file, [`${camelName(service)}Problems`], `${code}: { status: 404, title: '${title}' }`),
    ]),
  };
}

/** Makes the scopes known to the compiler, and gives them to customers. */
function changedForScopes({ service }: NewResource, { names }: ResourceScopes): Record<string, string> {
  const { config } = filesOf(service);
  const texts = names.map((scope) => `'${scope}'`);
  const hasScopes = memberNames(source(rolesFile), ['SCOPES', 'customer']).includes(service);
  return {
    [config]: edited(
      config,
      texts.map((text) => (file) => insertAtEnd(file, ['ScopeRegistry'], `${text}: true;`)),
    ),
    [rolesFile]: hasScopes
      ? insertAtEnd(source(rolesFile), ['SCOPES', 'customer', service], texts.join(', '))
      : insertAtEnd(source(rolesFile), ['SCOPES', 'customer'], `'${service}': [${texts.join(', ')}]`),
  };
}

function customerScopes(service: string): string[] {
  const roles = source(rolesFile);
  const path = ['SCOPES', 'customer'];
  return memberNames(roles, path).includes(service) ? textsIn(roles, [...path, service]) : [];
}

function namesOfScopes(subject: string): [read: string, write: string] {
  return [`${subject}:read`, `${subject}:write`];
}

/** The files of a service to which a resource adds something, and the one that its spec needs. */
function filesOf(service: string) {
  const folder = `apps/${service}`;
  return {
    module: `${folder}/src/${service}.module.ts`,
    database: `${folder}/src/database/index.ts`,
    errors: `${folder}/src/errors.ts`,
    config: `${folder}/src/config.ts`,
    testApp: `${folder}/test/${service}-app.ts`,
  };
}

function sourcesOf(service: string): SourceText[] {
  const folder = `apps/${service}/src`;
  const paths = readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => path.endsWith('.ts')).map((path) => source(`${folder}/${path}`));
}

function codeOf({ name }: NewResource): string {
  return `${snakeName(name)}_not_found`;
}

function edited(path: string, edits: ((file: SourceText) => string)[]): string {
  return edits.reduce((text, edit) => edit({ path, text }), readProjectFile(path));
}

function source(path: string): SourceText {
  return { path, text: readProjectFile(path) };
}

function templateFiles(): string[] {
  const paths = readdirSync(join(projectRoot, template), { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => path.endsWith('.ts') && path.includes('field-note')).sort();
}

function templateText(file: string): string {
  return readProjectFile(join(template, file));
}
