/**
 * What a new service adds to the repository. Its own files are the files of `templates/service/` with its name in the place of
 * `sample`. The template is a whole service: it is compiled, linted and tested like any other code.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, readProjectFile } from '../project.js';
import { nameFault } from '../system/service-names.js';
import { offsetFault } from '../system/service-table.js';
import { services } from '../system/services.js';
import { allFormatted, type Plan } from './apply-plan.js';
import { clashingIdentifier } from './clashing-identifier.js';
import { insertAtEnd, memberNames } from './insert.js';
import { rendered } from './rendered.js';

export interface NewService {
  readonly name: string;
  readonly portOffset: number;
  /** The role that gets the scope `<name>:write`. */
  readonly role: string;
}

const template = 'infra/starter/templates/service';
const rolesFile = 'apps/auth/src/accounts/scopes.ts';

/** Why this service cannot be made beside the others, and what to change. Undefined if it can. */
export function serviceFault({ name, portOffset, role }: NewService, others = services): string | undefined {
  const invalid = nameFault(name);
  if (invalid !== undefined) return invalid;
  if (services.some((row) => row.name === name))
    return `The service ${name} exists already: infra/system/services.ts has its row. Choose another name`;
  if (existsSync(join(projectRoot, 'apps', name)))
    return `The folder apps/${name} exists already. Remove it, or choose another name`;
  const clash = clashingIdentifier(templateFiles().map(textOf), { sample: name });
  if (clash !== undefined)
    return `"${name}" cannot be the name of a service: its code would have two meanings of ${clash}. Choose another name`;
  const roles = memberNames({ path: rolesFile, text: readProjectFile(rolesFile) }, ['SCOPES']);
  if (!roles.includes(role)) return `There is no role "${role}". Expected: ${roles.join(' or ')}`;
  const offset = offsetFault(portOffset, others);
  return offset && `For ${name}, ${offset}`;
}

/** Makes the text of every file that a person would write by hand. `textAt` returns the text of a file before it. */
export async function planService(service: NewService, textAt = readProjectFile): Promise<Plan> {
  const { name, role } = service;
  const named = (text: string) => rendered(text, { sample: name });
  const created = {
    ...Object.fromEntries(
      templateFiles().map((file) => [`apps/${name}/${named(file)}`, named(textOf(file))]),
    ),
    [`apps/${name}/tsconfig.app.json`]: '{ "extends": "../../tsconfig.build.json", "include": ["src"] }\n',
  };
  const read = (path: string) => ({ path, text: textAt(path) });
  const changed = {
    'infra/system/services.ts': insertAtEnd(read('infra/system/services.ts'), ['services'], row(service)),
    [rolesFile]: insertAtEnd(read(rolesFile), ['SCOPES', role], `'${name}': ['${name}:write']`),
    'nest-cli.json': insertAtEnd(read('nest-cli.json'), ['projects'], nestProject(name)),
  };
  return { created: await allFormatted(created), changed: await allFormatted(changed), removed: [] };
}

function row({ name, portOffset, role }: NewService): string {
  return `{
    name: '${name}',
    portOffset: ${portOffset},
    trust: 'verifier',
    calls: [],
    seed: 'none',
    collectsEvents: false,
    idempotentPosts: [],
    guardedRoute: { role: '${role}', route: 'GET /entries' },
  }`;
}

function nestProject(name: string): string {
  return `"${name}": {
    "type": "application",
    "root": "apps/${name}",
    "entryFile": "main",
    "sourceRoot": "apps/${name}/src",
    "compilerOptions": { "tsConfigPath": "apps/${name}/tsconfig.app.json" }
  }`;
}

function templateFiles(): string[] {
  const paths = readdirSync(join(projectRoot, template), { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => path.endsWith('.ts')).sort();
}

function textOf(file: string): string {
  return readProjectFile(join(template, file));
}
