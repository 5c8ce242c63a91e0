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
  /** TypeScript. It imports the `paths` of each service from `./<service>.js`. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Compiles a program with the types of the services, runs it, and returns what it prints, from JSON. @throws Error */
export async function runGeneratedClient({ folder, urls, program, env }: ClientOptions): Promise<unknown> {
  mkdirSync(folder);
  for (const [name, url] of Object.entries(urls)) {
    const types = astToString(await openapiTypescript(await documentOf(url)));
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

/** The OpenAPI document of a running service. */
export async function documentOf(url: string): Promise<OpenAPI3> {
  const answer = await fetch(`${url}/docs/json`, { signal: AbortSignal.timeout(timeoutMs) });
  return (await answer.json()) as OpenAPI3;
}
