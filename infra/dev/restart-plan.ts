/** Decides which services restart after a compilation. Pure: it starts and stops nothing. */
import type { Program } from '../system/environment.js';
import { type Compilation, configFile } from './compiler.js';

type Sources = Pick<Compilation, 'changed' | 'faulty' | 'imports'>;

/** The sources that changed since each service started, by service. */
export type Waiting = Readonly<Record<string, readonly string[]>>;

/** What to do after a compilation. Paths are relative to the root of the repository. */
export interface RestartPlan {
  /** `prepare`: a source of its migrations or of its first data has changed. */
  restart: { service: string; because: string[]; prepare: boolean }[];
  /** These services go on as they are, because the sources in `by` have errors. */
  blocked: { service: string; by: string[] }[];
  /** What the next compilation needs to know. */
  waiting: Waiting;
}

const programs: readonly Program[] = ['main', 'migrate', 'seed'];

/** The source of a program of a service. */
export function sourceOf(service: string, program: Program): string {
  return `apps/${service}/src/${program}.ts`;
}

/** The sources of all programs of these services. */
export function sourcesOfPrograms(services: readonly string[]): string[] {
  return services.flatMap((service) => programs.map((program) => sourceOf(service, program)));
}

/**
 * A service restarts if a source that it imports has changed and none of them has an error. Its database is prepared again
 * if the source belongs to the service and `migrate` or `seed` imports it.
 */
export function planRestarts(services: readonly string[], now: Sources, before: Waiting): RestartPlan {
  const plan: RestartPlan = { restart: [], blocked: [], waiting: {} };
  for (const service of services) {
    const importedBy = (wanted: readonly Program[]) =>
      new Set(wanted.flatMap((program) => now.imports[sourceOf(service, program)] ?? []));
    const all = importedBy(programs);
    const changed = now.changed.filter((file) => all.has(file));
    const because = [...new Set([...(before[service] ?? []), ...changed])];
    const by = now.faulty.filter((file) => all.has(file) || file === configFile);
    if (by.length > 0) {
      plan.blocked.push({ service, by });
      plan.waiting = { ...plan.waiting, [service]: because };
    } else if (because.length > 0) {
      const preparation = importedBy(['migrate', 'seed']);
      const prepare = because.some((file) => file.startsWith(`apps/${service}/`) && preparation.has(file));
      plan.restart.push({ service, because, prepare });
    }
  }
  return plan;
}
