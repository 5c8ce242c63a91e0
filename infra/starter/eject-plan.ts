/** What `npm run eject-demo` changes: the demo goes, and an empty service comes. */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, readProjectFile } from '../project.js';
import { nextOffset } from '../system/service-table.js';
import { services, type ServiceRow } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { allFormatted, type Plan } from './apply-plan.js';
import { demoPaths, demoServices, filesWithRegions, pagesWithCommands } from './demo-parts.js';
import { memberNames } from './insert.js';
import { removeFrom, withoutRegions } from './remove.js';
import { planService, serviceFault, type NewService } from './service-plan.js';

const tables = {
  rows: 'infra/system/services.ts',
  scopes: 'apps/auth/src/accounts/scopes.ts',
  permissions: 'apps/auth/src/oauth/exchange-policy.ts',
  projects: 'nest-cli.json',
  ports: '.devcontainer/devcontainer.json',
};
/** Where pages are that may speak of the demo. */
const pageFolders = ['.', 'docs', 'docs/decisions', 'bench', 'scenarios'];

/** The services that stay. */
const others = services.filter(({ name }) => !isDemo(name));

/** The service that comes in the place of the demo. Customers use it, so that they have something to log in for. */
export function successor(name: string): NewService {
  return { name, portOffset: nextOffset(others), role: 'customer' };
}

/** Why there is nothing to eject, or why it cannot be done, and what to change. Undefined if it can. */
export function ejectFault(): string | undefined {
  if (others.length === services.length)
    return `There is no demo: ${tables.rows} has no row ${demoServices.join(' or ')}`;
  const caller = others.find(({ calls }) => calls.some(isDemo));
  return (
    caller &&
    `${caller.name} calls ${caller.calls.filter(isDemo).join(' and ')}, a part of the demo. Remove this call from its code and from its row in ${tables.rows}`
  );
}

/** Why the new service cannot have this name, and what to change. Undefined if it can. */
export function successorFault(name: string): string | undefined {
  return serviceFault(successor(name), others);
}

/** Makes the texts without the demo, and with the new service. */
export async function planEject(name: string): Promise<Plan> {
  requireNothingIgnored(demoPaths);
  const changed: Record<string, string> = {};
  const textAt = (path: string) => changed[path] ?? readProjectFile(path);
  const change = (path: string, edit: (source: { path: string; text: string }) => string) => {
    if (existsSync(join(projectRoot, path))) changed[path] = edit({ path, text: textAt(path) });
  };
  change(tables.rows, (source) => removeFrom(source, ['services'], ({ texts }) => isDemo(texts['name'])));
  for (const role of memberNames({ path: tables.scopes, text: textAt(tables.scopes) }, ['SCOPES']))
    change(tables.scopes, (source) => removeFrom(source, ['SCOPES', role], (item) => isDemo(item.name)));
  change(tables.permissions, (source) =>
    removeFrom(source, ['permissions'], ({ texts }) => isDemo(texts['caller']) || isDemo(texts['callee'])),
  );
  change(tables.projects, (source) => removeFrom(source, ['projects'], (item) => isDemo(item.name)));
  change(tables.ports, ({ text }) => forwardedPorts(text, [...others, successor(name)]));
  for (const path of filesWithRegions) change(path, (source) => withoutRegions(source, 'demo'));
  for (const path of pagesWithCommands) change(path, ({ text }) => withName(text, name));
  const service = await planService(successor(name), textAt);
  return {
    created: service.created,
    changed: { ...(await allFormatted(changed)), ...service.changed },
    removed: demoPaths.flatMap(filesAt),
  };
}

/** The pages that speak of the demo after this plan, each with the number of its lines that do. */
export function pagesAboutDemo({ changed }: Plan): [path: string, lines: number][] {
  const pages = pageFolders.flatMap((folder) =>
    readdirSync(join(projectRoot, folder))
      .map((name) => join(folder, name, folder === 'scenarios' && !name.endsWith('.md') ? 'README.md' : ''))
      .map((path) => path.replace(/\/$/, ''))
      .filter((path) => path.endsWith('.md') && existsSync(join(projectRoot, path))),
  );
  const word = new RegExp(`\\b(${demoServices.join('|')})\\b`);
  const linesOf = (path: string) => (changed[path] ?? readProjectFile(path)).split('\n');
  return pages
    .map((path): [string, number] => [path, linesOf(path).filter((line) => word.test(line)).length])
    .filter(([, lines]) => lines > 0);
}

/** The page with the new service in the place of orders. */
export function withName(page: string, name: string): string {
  return page
    .replace(/(localhost:\d+)\/orders\b/g, '$1/entries')
    .replace(/\borders:read orders:write\b|\borders:(read|write)\b/g, `${name}:write`)
    .replace(/(?<![a-z0-9-])orders(?![a-z0-9-])/g, name);
}

function isDemo(name: string | undefined): boolean {
  return name !== undefined && demoServices.includes(name);
}

function forwardedPorts(text: string, rows: readonly Pick<ServiceRow, 'name' | 'portOffset'>[]): string {
  const settings = JSON.parse(text) as object;
  const ports = rows.map(({ name, portOffset }) => [3000 + portOffset, { label: name }] as const);
  const forwardPorts = ports.map(([port]) => port);
  return JSON.stringify({ ...settings, forwardPorts, portsAttributes: Object.fromEntries(ports) });
}

/**
 * Refuses if git ignores a file that would be removed, because it could not bring it back.
 *
 * @throws SetupError `bad_argument`
 */
function requireNothingIgnored(paths: readonly string[]): void {
  const args = ['--literal-pathspecs', 'ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--'];
  const { status, stdout } = spawnSync('git', [...args, ...paths], { cwd: projectRoot, encoding: 'utf8' });
  if (status !== 0 || stdout === '') return;
  const files = stdout.split('\0').filter(Boolean).join(', ');
  throw new SetupError(
    'bad_argument',
    `git ignores these files of the demo, and could not bring them back: ${files}. Move them away first.`,
  );
}

/** All files of a folder, or the file itself. Nothing if it does not exist any more. A link is not followed. */
function filesAt(path: string): string[] {
  const full = join(projectRoot, path);
  const found = lstatSync(full, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found ? [path] : [];
  return readdirSync(full).flatMap((name) => filesAt(join(path, name)));
}
