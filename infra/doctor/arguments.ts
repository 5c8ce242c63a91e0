import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStateDir } from '../local/state-dir.js';
import { readArguments as read } from '../run-command.js';
import {
  compositionEnvironments,
  environmentsInFiles,
  localEnvironments,
  processEnvironment,
  type Environments,
} from './environments.js';
import { rules } from './rules.js';

// Not --env-file: Node 20 reads an option of this name anywhere on its command line.
const usage = `npm run doctor [-- --state-dir .signet]              what npm start makes
       npm run doctor -- --env auth=FILE …            files for production, one or several for each service
       npm run doctor -- --composition FILE                the output of docker compose config --format json (- reads it from a pipe)
       npm run doctor -- auth                              the environment of this process
Options: --accept RULE (several times), --node VERSION`;

export interface DoctorArguments {
  /** Reads the environments that the command line names. @throws SetupError `bad_argument` */
  readonly environments: () => Environments;
  /** The rules whose findings do not count. */
  readonly accepted: readonly string[];
  readonly nodeVersion: string;
}

/** Reads the command line. @throws SetupError `bad_argument`, with the usage. */
export function readArguments(args: readonly string[], environment: NodeJS.ProcessEnv): DoctorArguments {
  return read(usage, () => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        'state-dir': { type: 'string' },
        env: { type: 'string', multiple: true },
        composition: { type: 'string' },
        accept: { type: 'string', multiple: true, default: [] },
        node: { type: 'string', default: process.versions.node },
      },
    });
    const { 'state-dir': stateDir, env: files, composition, accept, node } = values;
    const [service, another] = positionals;
    const sources = [stateDir, files, composition, service].filter((source) => source !== undefined);
    if (sources.length > 1 || another !== undefined)
      throw new Error('Only one source can be examined at a time');
    const unknown = accept.find((id) => !rules.some((rule) => rule.id === id));
    if (unknown !== undefined) throw new Error(`--accept ${unknown}: there is no such rule`);
    if (!/^\d+\.\d+\.\d+$/.test(node)) throw new Error(`--node ${node}: Expected: a version such as 24.21.0`);
    const environments = () => {
      if (files !== undefined) return environmentsInFiles(files);
      if (composition !== undefined) return compositionEnvironments(composition);
      if (service !== undefined) return processEnvironment(service, environment);
      return localEnvironments(resolve(stateDir ?? defaultStateDir));
    };
    return { environments, accepted: accept, nodeVersion: node };
  });
}
