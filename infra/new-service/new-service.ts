/**
 * `npm run new:service -- NAME [--port-offset N] [--role ROLE] [--dry-run] [--force]`: makes a resource service. Without
 * a name it asks, on a terminal.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { generatedPaths } from '../generate/generated-paths.js';
import { projectRoot } from '../project.js';
import { nextOffset } from '../system/service-table.js';
import { defaultPortBase, services } from '../system/services.js';
import { SetupError } from '../system/setup-error.js';
import { writeAllOrNothing } from './all-or-nothing.js';
import { planService, serviceFault, type NewService, type Plan } from './plan.js';

const usage = 'npm run new:service -- NAME [--port-offset N] [--role ROLE] [--dry-run] [--force]';
const buildTimeoutMs = 600_000;

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
}

async function main(args: string[]): Promise<void> {
  const { given, dryRun, force } = readArguments(args);
  const service = await complete(given);
  const fault = serviceFault(service);
  if (fault !== undefined) throw new SetupError('bad_argument', `${fault}.`);
  const plan = await planService(service);
  if (dryRun) return console.log(`${describePlan(plan)}\nNothing was written.`);
  if (!force) requireCleanTree();
  await writeAllOrNothing({
    root: projectRoot,
    files: { ...plan.created, ...plan.changed },
    alsoWritten: generatedPaths,
    newFolder: join('apps', service.name),
    finish: generate,
  });
  console.log(`${describePlan(plan)}

The service ${service.name} is there. Next:
  npm test -- apps/${service.name}
  npm start          ${service.name} then answers at http://localhost:${defaultPortBase + service.portOffset}/docs
docs/add-a-service.md says what to change in it.`);
}

interface Arguments {
  readonly given: Partial<NewService>;
  readonly dryRun: boolean;
  readonly force: boolean;
}

function readArguments(args: string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        'port-offset': { type: 'string' },
        role: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 1) throw new Error('Only one service can be made at a time');
    const [name] = positionals;
    const { role, 'port-offset': offset } = values;
    const given = {
      ...(name !== undefined && { name }),
      ...(role !== undefined && { role }),
      ...(offset !== undefined && { portOffset: readOffset(offset) }),
    };
    return { given, dryRun: values['dry-run'], force: values.force };
  } catch (cause) {
    throw new SetupError('bad_argument', `${(cause as Error).message}. Usage: ${usage}`, { cause });
  }
}

/** `Number` would also accept 0x3 and an empty text. */
function readOffset(text: string): number {
  if (!/^\d+$/.test(text))
    throw new SetupError('bad_argument', `The port offset must be a whole number, and "${text}" is not`);
  return Number(text);
}

/** Takes the defaults for what is missing. Without a name it asks for everything that is missing. */
async function complete(given: Partial<NewService>): Promise<NewService> {
  const defaults = { portOffset: nextOffset(services), role: 'admin' };
  const { name } = given;
  if (name !== undefined) return { ...defaults, ...given, name };
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new SetupError('bad_argument', `The name of the service is missing. Usage: ${usage}`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  terminal.once('close', () => closed.abort(new SetupError('bad_argument', '\nNothing was written.')));
  const ask = async (question: string, usual = ''): Promise<string> => {
    const answer = terminal.question(`${question}${usual && ` [${usual}]`}: `, { signal: closed.signal });
    return (await answer.catch(() => closed.signal.throwIfAborted() as never)).trim() || usual;
  };
  try {
    return {
      name: await ask('Name of the service'),
      portOffset: given.portOffset ?? readOffset(await ask('Port offset', String(defaults.portOffset))),
      role: given.role ?? (await ask('Role that may write', defaults.role)),
    };
  } finally {
    terminal.close();
  }
}

/** With a clean tree, `git diff` shows what the generator did. Outside of a git repository there is nothing to compare. */
function requireCleanTree(): void {
  const { status, stdout } = spawnSync('git', ['status', '--porcelain', '--', '.'], {
    cwd: projectRoot,
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (status === 0 && stdout !== '')
    throw new SetupError(
      'bad_argument',
      'There are changes that are not committed. Commit them first, so that `git diff` shows what is generated; or use --force.',
    );
}

/** Builds, then writes the generated files. A process of its own, because this one runs the old build. */
async function generate(signal: AbortSignal): Promise<void> {
  const args = ['infra/bootstrap.mjs', 'run', 'dist/infra/generate/generate.js'];
  const child = spawn(process.execPath, args, {
    cwd: projectRoot,
    stdio: 'inherit',
    timeout: buildTimeoutMs,
    signal,
  });
  const code = await new Promise<number | null>((done) => {
    // After an abort the process gets a signal, and `exit` follows.
    child.on('error', () => child.pid === undefined && done(null));
    child.on('exit', done);
  });
  if (code !== 0)
    throw new SetupError(
      'child_failed',
      'The generated files could not be written. Everything is as it was before.',
    );
}

function describePlan({ created, changed }: Plan): string {
  const lines = (verb: string, paths: readonly string[]) => paths.map((path) => `${verb}  ${path}`);
  return [
    ...lines('new     ', Object.keys(created)),
    ...lines('changed ', Object.keys(changed)),
    ...lines('renewed ', generatedPaths),
  ].join('\n');
}
