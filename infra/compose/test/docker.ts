/** Runs Docker commands on the running containers. The Compose project is this folder, or COMPOSE_PROJECT_NAME. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { projectRoot } from '../../project.js';

const run = promisify(execFile);

/** Runs `docker` and returns what it prints. @throws Error with its error output, unless it exits with 0 */
export async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', args, { cwd: projectRoot, maxBuffer: 1 << 26 });
  return stdout.trim();
}

/** Runs `docker compose` and returns what it prints. @throws Error with its error output, unless it exits with 0 */
export const compose = (...args: string[]) => docker('compose', ...args);

/** The ids of the running containers of a service. */
export async function containersOf(service: string): Promise<string[]> {
  return (await compose('ps', '--quiet', service)).split('\n').filter(Boolean);
}

/** Runs the body of an async function in a container, and returns its result. */
export async function inside<T>(container: string, body: string): Promise<T> {
  const program = `const answer = await (async () => { ${body} })(); console.log(JSON.stringify(answer ?? null)); process.exit(0);`;
  const output = await docker('exec', container, 'node', '--input-type=module', '--eval', program);
  return JSON.parse(output.split('\n').at(-1)!) as T;
}

/** One of the generated logins. */
export async function login(who: 'demo' | 'admin'): Promise<{ email: string; password: string }> {
  return JSON.parse(await compose('run', '--rm', '--no-deps', 'credentials', who)) as {
    email: string;
    password: string;
  };
}

/** The base URL of a service at the proxy, with the port that is really published. */
export async function urlOf(service: string, port: number): Promise<string> {
  const address = await compose('port', 'proxy', String(port));
  if (address === '') throw new Error(`the proxy does not publish ${service}`);
  return `http://localhost:${address.split(':').at(-1)}`;
}
