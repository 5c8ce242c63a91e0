import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStateDir } from '../local/state-dir.js';
import { readArguments as read } from '../run-command.js';

export interface ExplainArguments {
  /** The service for which the token is judged. Undefined: the one that the token names. */
  readonly audience: string | undefined;
  readonly scopes: readonly string[];
  readonly actor: string | undefined;
  readonly stateDir: string;
}

const usage =
  'npm run explain -- [--audience SERVICE] [--scope SCOPE]… [--actor CLIENT] [--state-dir DIR] < token';

/** @throws SetupError `bad_argument` */
export function readArguments(given: string[]): ExplainArguments {
  return read(usage, () => {
    const { values } = parseArgs({
      args: given,
      options: {
        audience: { type: 'string' },
        scope: { type: 'string', multiple: true, default: [] },
        actor: { type: 'string' },
        'state-dir': { type: 'string', default: defaultStateDir },
      },
    });
    const { audience, scope, actor } = values;
    return { audience, scopes: scope, actor, stateDir: resolve(values['state-dir']) };
  });
}
