/** What is measured, for how long, and what follows from it. */
import { NO_OP, protections, UNGUARDED } from './protections.js';

export type Alg = 'ES256' | 'RS256';

/** One measurement of a round. */
export interface Lane {
  readonly protection: string;
  readonly alg: Alg;
  /** Whether tokens come again: 1,000 in turn. Otherwise each is new to the server. */
  readonly repeated: boolean;
}

export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly lanes: readonly Lane[];
}

const fast = Object.entries(protections).filter(([, { slow }]) => !slow);

/** About ten minutes. */
export const fullPlan: Plan = {
  rounds: 5,
  seconds: 2,
  warmUpSeconds: 1,
  lanes: [...lanesOf('ES256', Object.entries(protections)), ...lanesOf('RS256', Object.entries(protections))],
};

/** About 80 s with wrk. */
export const quickPlan: Plan = { rounds: 2, seconds: 1, warmUpSeconds: 1, lanes: lanesOf('ES256', fast) };

function lanesOf(alg: Alg, entries: typeof fast): Lane[] {
  return entries
    .filter(([name, { carries, path }]) => alg === 'ES256' || isJudged(name, carries, path))
    .flatMap(([protection, { remembers }]) => [
      { protection, alg, repeated: true },
      ...(remembers ? [{ protection, alg, repeated: false }] : []),
    ]);
}

/** Whether the algorithm of the token matters. */
function isJudged(name: string, carries: string | undefined, path: string | undefined): boolean {
  return ![UNGUARDED, NO_OP].includes(name) && carries !== 'session' && path !== '/open';
}
