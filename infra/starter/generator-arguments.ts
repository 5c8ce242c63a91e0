import { parseArgs } from 'node:util';
import { readArguments } from '../run-command.js';
import { SetupError } from '../system/setup-error.js';
import type { ApplyOptions } from './apply-plan.js';

/** What the command line says of something that a generator makes. */
export type Given<Made> = { readonly [Name in keyof Made]: Made[Name] | undefined };

interface Expected<Option extends string> {
  readonly usage: string;
  /** The options of this generator that take a value. Each generator also has `--dry-run` and `--force`. */
  readonly options: readonly Option[];
  /** How many names it takes. */
  readonly names: number;
  /** What is said about one name more. */
  readonly tooMany: string;
}

interface Command<Option extends string> {
  readonly names: readonly string[];
  readonly values: Readonly<Partial<Record<Option, string>>>;
  readonly apply: ApplyOptions;
}

/** Reads the command line of a generator. @throws SetupError `bad_argument`, with the usage */
export function readGeneratorArguments<Option extends string>({
  usage,
  options,
  names,
  tooMany,
}: Expected<Option>): Command<Option> {
  return readArguments(usage, () => {
    const ofGenerator = Object.fromEntries(options.map((option) => [option, { type: 'string' as const }]));
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { ...ofGenerator, 'dry-run': { type: 'boolean' }, force: { type: 'boolean' } },
    });
    if (positionals.length > names) throw new Error(tooMany);
    const { 'dry-run': dryRun = false, force = false, ...rest } = values;
    return {
      names: positionals,
      values: rest as Record<string, string> as Command<Option>['values'],
      apply: { dryRun, force },
    };
  });
}

/** @throws SetupError `bad_argument` if there is a fault */
export function refuse(fault: string | undefined): void {
  if (fault !== undefined) throw new SetupError('bad_argument', `${fault}.`);
}
