/**
 * Settings: each process declares one schema, which is read once from the environment.
 *
 * A field in camelCase is read from the variable in UPPER_SNAKE. Secrets come from files that `<NAME>_FILE` names, so
 * that no process listing shows them. All faults are reported together. A value from a file is never printed.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { decodeUtf8 } from './strict-json.js';

/** What the documentation says about a field. `unit` is for example `ms`, `bytes` or `port`. */
interface SettingFacts<T> {
  readonly doc: string;
  readonly unit?: string;
  /** The name of the environment variable, if it is not the field's name in UPPER_SNAKE. */
  readonly env?: string;
  readonly default?: T;
  /** The field whose value is taken when this one is not set. */
  readonly defaultFrom?: string;
  /** Outside production only, the default applies or the setting may be missing. */
  readonly developmentOnly?: boolean;
  /** A stricter requirement on the value in production. */
  readonly inProduction?: { readonly expected: string; accepts(value: T): boolean };
}

/** One declared field: its documentation, and how its text becomes a value of type `T`. */
interface Setting<T = unknown> extends SettingFacts<T> {
  readonly envSuffix: '' | '_FILE' | '_FILES';
  readonly optional: boolean;
  read(text: string): T;
}

type Fields = Readonly<Record<string, Setting>>;
type ValuesOf<F> = { readonly [K in keyof F]: F[K] extends Setting<infer T> ? T : never };

/** Written as a method, so that a definition with more fields can be passed where fewer are required. */
type Rule<F> = { check(values: ValuesOf<F>): string | undefined }['check'];

/** All fields of a process, and the rules about several of them. `defineSettings` makes it. */
export interface SettingsDefinition<F extends Fields = Fields> {
  readonly fields: F;
  readonly rules: readonly Rule<F>[];
}

/** The frozen object that `loadSettings` returns for a definition or for a group of fields. */
export type Settings<S> = S extends SettingsDefinition<infer F> ? ValuesOf<F> : ValuesOf<S>;

/** The environment cannot be used. `faults` has one line for each fault, and nothing from a secret file. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  constructor(readonly faults: readonly string[]) {
    super(['The configuration is not valid:', ...faults.map((fault) => `  ${fault}`)].join('\n'));
  }
}

/**
 * Declares a field that is read from one variable. An empty variable counts as not set. A `z.optional` schema makes the
 * field optional.
 */
export function setting<T>(schema: z.ZodType<T>, facts: SettingFacts<T>): Setting<T> {
  const optional = schema instanceof z.ZodOptional;
  return { ...facts, envSuffix: '', optional, read: (text) => schema.parse(text) };
}

/** Declares a field that is a comma-separated list. Blanks around items and empty items are ignored. */
export function listOf<T>(item: z.ZodType<T>, facts: SettingFacts<readonly T[]>): Setting<readonly T[]> {
  return { ...facts, envSuffix: '', optional: false, read: (text) => z.array(item).parse(splitList(text)) };
}

/**
 * Declares a field whose value is the content of the file that `<NAME>_FILE` names, without white space at its ends. A
 * `z.optional` schema makes the field optional.
 */
export function secretFile(facts: SettingFacts<string>): Setting<string>;
export function secretFile<T>(facts: SettingFacts<T> & { schema: z.ZodType<T> }): Setting<T>;
export function secretFile<T>({ schema, ...facts }: SettingFacts<T> & { schema?: z.ZodType<T> }): Setting<T> {
  const content = (schema ?? fileContent) as z.ZodType<T>;
  const optional = schema instanceof z.ZodOptional;
  return { ...facts, envSuffix: '_FILE', optional, read: (path) => content.parse(readSecret(path)) };
}

/** Like `secretFile`, for `<NAME>_FILES`: an ordered comma-separated list of at least one file. */
export function secretFiles(facts: SettingFacts<readonly string[]>): Setting<readonly string[]>;
export function secretFiles<T>(
  facts: SettingFacts<readonly T[]> & { schema: z.ZodType<T> },
): Setting<readonly T[]>;
export function secretFiles<T>({
  schema,
  ...facts
}: SettingFacts<readonly T[]> & { schema?: z.ZodType<T> }): Setting<readonly T[]> {
  const contents = z.array((schema ?? fileContent) as z.ZodType<T>).min(1, 'no file is named');
  const read = (paths: string) => contents.parse(splitList(paths).map(readSecret));
  return { ...facts, envSuffix: '_FILES', optional: false, read };
}

/**
 * Declares the settings of a process. A rule returns the fault that it finds, with the names of the variables, or
 * undefined.
 */
export function defineSettings<F extends Fields>(
  fields: F,
  rules: readonly Rule<F>[] = [],
): SettingsDefinition<F> {
  return { fields, rules };
}

/** What an environment holds: each value that is valid by itself, and every fault. */
interface SettingsReading<F extends Fields> {
  readonly values: Partial<ValuesOf<F>>;
  readonly faults: readonly string[];
}

/**
 * Reads, checks and freezes all settings. Without NODE_ENV, the strict rules of production apply.
 * @throws SettingsError with every fault. Rules run only if every field is valid by itself.
 */
export function loadSettings<F extends Fields>(
  definition: SettingsDefinition<F>,
  env: NodeJS.ProcessEnv,
): ValuesOf<F> {
  const { values, faults } = readSettings(definition, env);
  if (faults.length > 0) throw new SettingsError(faults);
  return deepFreeze<ValuesOf<F>>(values as ValuesOf<F>);
}

/** Reads like `loadSettings`, for a tool that judges an environment: a fault does not hide the other values. */
export function readSettings<F extends Fields>(
  definition: SettingsDefinition<F>,
  env: NodeJS.ProcessEnv,
): SettingsReading<F> {
  const production = !['development', 'test'].includes(env['NODE_ENV'] ?? '');
  const values: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [field, declared] of Object.entries(definition.fields)) {
    const name = envName(field, declared);
    try {
      values[field] = readField(declared, env[name]?.trim() || undefined, production);
    } catch (error) {
      faults.push(`${name}: ${reasonOf(error)}. Expected: ${declared.doc}`);
    }
  }
  for (const [field, { defaultFrom }] of Object.entries(definition.fields)) {
    if (defaultFrom !== undefined) values[field] ??= values[defaultFrom];
  }
  const complete = values as ValuesOf<F>;
  if (faults.length === 0) faults.push(...definition.rules.flatMap((rule) => rule(complete) ?? []));
  return { values: complete, faults };
}

/** Lists the fields in the order of their declaration, for the configuration reference. */
export function describeSettings(definition: SettingsDefinition) {
  return Object.entries(definition.fields).map(([field, declared]) => ({
    field,
    env: envName(field, declared),
    doc: declared.doc,
    unit: declared.unit,
    default: declared.default,
    defaultFrom: declared.defaultFrom,
    developmentOnly: declared.developmentOnly ?? false,
    required: !declared.optional && declared.default === undefined && declared.defaultFrom === undefined,
  }));
}

function readField(declared: Setting, text: string | undefined, production: boolean): unknown {
  const value = text === undefined ? missing(declared, production) : declared.read(text);
  if (production && value !== undefined && declared.inProduction?.accepts(value) === false) {
    throw new Error(`production needs ${declared.inProduction.expected}`);
  }
  return value;
}

function missing(declared: Setting, production: boolean): unknown {
  if (production && declared.developmentOnly) {
    throw new Error('not set, and it has no default in production');
  }
  if (declared.default !== undefined) return declared.default;
  if (declared.optional || declared.defaultFrom !== undefined) return undefined;
  throw new Error('not set');
}

const fileContent = z.string().min(1, 'the file is empty');

function readSecret(path: string): string {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Whoever puts the secret itself here must not find it in a log.
    const named = /^\.{0,2}\//.test(path) ? `"${path}"` : 'the file; its path should begin with / or ./';
    throw new Error(`cannot read ${named} (${code})`, { cause });
  }
  try {
    return decodeUtf8(content).trim();
  } catch {
    // A lenient decoder would make the same secret from different files.
    throw new Error('the file is not UTF-8');
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) return error.issues.map((issue) => issue.message).join(', ');
  return error instanceof Error ? error.message : String(error);
}

function envName(field: string, { env, envSuffix }: Setting): string {
  return env ?? field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase() + envSuffix;
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function deepFreeze<T>(value: T): T {
  const plain = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype;
  if (plain) Object.values(Object.freeze(value) as object).forEach(deepFreeze);
  return value;
}
