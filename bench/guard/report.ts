import { protections, UNGUARDED } from './protections.js';
import type { Alg, Lane } from './plan.js';
import { table } from '../rotation/summary.js';

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

interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The best first, one list for each algorithm. */
export function compare(measured: readonly Measured[]): Compared[] {
  const base = measured.find(({ protection }) => protection === UNGUARDED)!;
  return measured
    .map((lane) => ({
      title: titleOf(lane),
      alg: lane.alg,
      rate: spread(lane.perSecond.map((value, round) => value / base.perSecond[round]!)),
      cpu: spread(lane.cpuMicroseconds.map((value, round) => value / base.cpuMicroseconds[round]!)),
      perSecond: spread(lane.perSecond).median,
      cpuMicroseconds: spread(lane.cpuMicroseconds).median,
    }))
    .sort((a, b) => b.rate.median - a.rate.median);
}

export function tableOf(compared: readonly Compared[]): string {
  const rows = compared.map(({ title, rate, cpu, perSecond, cpuMicroseconds }) => [
    title,
    rate.median.toFixed(2),
    `${rate.min.toFixed(2)} to ${rate.max.toFixed(2)}`,
    Math.round(perSecond).toLocaleString('en'),
    `${Math.round(cpuMicroseconds)} µs`,
    cpu.median.toFixed(2),
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

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)] ?? NaN;
  return { median: at(0.5), min: at(0), max: at(1) };
}
