import { protections, UNGUARDED } from './protections.js';
import type { Alg, Lane } from './plan.js';
import { spreadOf, table, type Spread } from '../summary.js';

/** What one lane reached in each round. */
export interface Measured extends Lane {
  readonly perSecond: readonly number[];
  readonly cpuMicroseconds: readonly number[];
}

/** Ratios to the unguarded route, of the same round each. */
export interface Compared {
  readonly title: string;
  readonly alg: Alg;
  readonly rate: Spread;
  readonly cpu: Spread;
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

/** The best first, one list for each algorithm. */
export function compare(measured: readonly Measured[]): Compared[] {
  const base = measured.find(({ protection }) => protection === UNGUARDED)!;
  return measured
    .map((lane) => ({
      title: titleOf(lane),
      alg: lane.alg,
      rate: spreadOf(lane.perSecond.map((value, round) => value / base.perSecond[round]!)),
      cpu: spreadOf(lane.cpuMicroseconds.map((value, round) => value / base.cpuMicroseconds[round]!)),
      perSecond: spreadOf(lane.perSecond).p50,
      cpuMicroseconds: spreadOf(lane.cpuMicroseconds).p50,
    }))
    .sort((a, b) => b.rate.p50 - a.rate.p50);
}

export function tableOf(compared: readonly Compared[]): string {
  const rows = compared.map(({ title, rate, cpu, perSecond, cpuMicroseconds }) => [
    title,
    rate.p50.toFixed(2),
    `${rate.min.toFixed(2)} to ${rate.max.toFixed(2)}`,
    Math.round(perSecond).toLocaleString('en'),
    `${Math.round(cpuMicroseconds)} µs`,
    cpu.p50.toFixed(2),
  ]);
  return table(
    ['protection', 'requests, ratio', 'of the rounds', 'requests a second', 'CPU a request', 'CPU, ratio'],
    rows,
  );
}

function titleOf({ protection, repeated }: Lane): string {
  const { title, remembers } = protections[protection]!;
  return remembers ? `${title}, ${repeated ? 'tokens repeat' : 'each token is new'}` : title;
}
