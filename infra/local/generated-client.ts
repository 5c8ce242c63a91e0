/** Makes a client from the OpenAPI documents of services, for specs. */
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import openapiTypescript, { astToString, type OpenAPI3 } from 'openapi-typescript';
import { projectRoot } from '../project.js';

const run = promisify(execFile);
const timeoutMs = 60_000;

interface ClientOptions {
  /** Where it is written. The folder must not exist. */
  readonly folder: string;
  /** The base URL of each service, by its name. */
  readonly urls: Readonly<Record<string, string>>;
  /** What the services say of themselves, by their names. */
  readonly documents: Readonly<Record<string, OpenAPI3>>;
  /** TypeScript. It imports the `paths` of each service from `./<service>.js`. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Compiles a program with the types of the services, runs it, and returns what it prints, from JSON. @throws Error */
export async function runGeneratedClient({
  folder,
  urls,
  documents,
  program,
  env,
}: ClientOptions): Promise<unknown> {
  mkdirSync(folder);
  for (const [name, document] of Object.entries(documents)) {
    const types = astToString(await openapiTypescript(document));
    writeFileSync(join(folder, `${name}.d.ts`), types);
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'client.ts'), program);
  // The client needs the packages of this repository.
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
  const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc');
  const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', 'false'];
  const found = ['--typeRoots', join(projectRoot, 'node_modules/@types'), '--types', 'node'];
  const options = { cwd: folder, timeout: timeoutMs };
  await run(process.execPath, [tsc, ...strict, ...found, 'client.ts'], options).catch(
    ({ stdout }: { stdout: string }) => {
      throw new Error(stdout);
    },
  );
  const { stdout } = await run(process.execPath, ['client.js'], {
    ...options,
    env: { ...env, URLS: JSON.stringify(urls) },
  });
  return JSON.parse(stdout);
}

/** The OpenAPI documents of running services, by their names. */
export async function documentsOf(urls: Readonly<Record<string, string>>): Promise<Record<string, OpenAPI3>> {
  const entries = Object.entries(urls).map(async ([name, url]) => {
    const answer = await fetch(`${url}/docs/json`, { signal: AbortSignal.timeout(timeoutMs) });
    return [name, (await answer.json()) as OpenAPI3] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
