import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readArguments as read } from '../run-command.js';
import { defaultPortBase, services } from '../system/services.js';
import { defaultStateDir } from './state-dir.js';

/** What the command line of `npm start` and `npm run dev` says. */
export interface LaunchArguments {
  portBase: number;
  /** An absolute path. */
  stateDir: string;
  /** The services whose access tokens are encrypted. */
  encryptTokensFor: string[];
  /** The services that somebody runs by hand. */
  without: string[];
}

/** Reads the arguments of a command. @throws SetupError `bad_argument`, with the usage of the command. */
export function readArguments(command: string, args: string[]): LaunchArguments {
  const usage = `${command} [-- --port-base 3000 --state-dir .signet --encrypt-tokens-for SERVICE --without SERVICE]`;
  return read(usage, () => {
    const { values } = parseArgs({
      args,
      options: {
        'port-base': { type: 'string' },
        'state-dir': { type: 'string' },
        'encrypt-tokens-for': { type: 'string', multiple: true, default: [] },
        without: { type: 'string', multiple: true, default: [] },
      },
    });
    const verifiers = services.filter(({ trust }) => trust === 'verifier');
    return {
      portBase: readPortBase(values['port-base'] ?? String(defaultPortBase)),
      stateDir: resolve(values['state-dir'] ?? defaultStateDir),
      encryptTokensFor: readServices('--encrypt-tokens-for', values['encrypt-tokens-for'], verifiers),
      without: readServices('--without', values.without, services),
    };
  });
}

function readPortBase(given: string): number {
  const portBase = Number(given);
  // `Number` would also accept 0x1000 and 4e3.
  if (!/^[1-9]\d{3,4}$/.test(given) || portBase < 1024 || portBase > 65_000) {
    throw new Error('--port-base must be a number from 1024 to 65000');
  }
  return portBase;
}

function readServices(option: string, given: string[], rows: typeof services): string[] {
  const names = rows.map(({ name }) => name);
  const unknown = given.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const known = `It must be one of ${names.join(', ')}; the option can be given several times`;
    throw new Error(`${option} ${unknown}: there is no such service. ${known}`);
  }
  const doubled = given.find((name, i) => given.indexOf(name) < i);
  if (doubled !== undefined) throw new Error(`${option} ${doubled} is given twice`);
  return given;
}
