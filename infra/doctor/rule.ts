/** The form of a rule, and what it is applied to. */
import type { KeyFile } from './key-file.js';

/** A service, as far as its environment tells. */
export interface ExaminedService {
  readonly name: string;
  readonly trust: 'issuer' | 'verifier';
  /** The services that it calls. */
  readonly calls: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** The valid settings, by the names of their variables. Defaults are filled in. */
  readonly values: Readonly<Record<string, unknown>>;
  /** What the service itself would print at its start. Each line begins with the name of a variable. */
  readonly faults: readonly string[];
  readonly files: readonly KeyFile[];
  readonly replicas: number;
}

/** All that doctor looks at. */
export interface Deployment {
  readonly services: readonly ExaminedService[];
  /** The ports that containers publish, if a composition is examined. */
  readonly published: readonly { readonly container: string; readonly port: string }[];
  /** For example 24.21.0. */
  readonly nodeVersion: string;
  readonly today: Date;
}

/** One thing that is unsafe. */
export interface Complaint {
  readonly service?: string;
  readonly setting: string;
  /** What is wrong. It names no secret. */
  readonly problem: string;
}

/** What must be true of a safe deployment. */
export interface Rule {
  /** The name for `--accept` and for the page. */
  readonly id: string;
  /** The variables that it reads. */
  readonly settings: readonly string[];
  /** The safe state, as a sentence. */
  readonly safe: string;
  readonly why: string;
  /** What to do about a complaint. */
  readonly remedy: string;
  readonly check: (deployment: Deployment) => Complaint[];
}

/** Makes a check of one variable at each service that has it. `wrong` says what is wrong with a value. */
export function eachValue<T>(
  setting: string,
  wrong: (value: T, service: ExaminedService) => string | undefined,
): Rule['check'] {
  return ({ services }) =>
    services.flatMap((service) => {
      const value = service.values[setting];
      const problem = value === undefined ? undefined : wrong(value as T, service);
      return problem === undefined ? [] : [{ service: service.name, setting, problem }];
    });
}

/** Makes a check of each file that settings name. */
export function eachFile(wrong: (file: KeyFile) => string | undefined): Rule['check'] {
  return ({ services }) =>
    services.flatMap(({ name, files }) =>
      files.flatMap((file) => {
        const problem = wrong(file);
        return problem === undefined ? [] : [{ service: name, setting: file.setting, problem }];
      }),
    );
}

/** Runs several checks as one. */
export function all(...checks: readonly Rule['check'][]): Rule['check'] {
  return (deployment) => checks.flatMap((check) => check(deployment));
}
