/**
 * Guards that are measured inside one server, request by request: the time from the call of a guard to its verdict. Each
 * request meets one of them at random. So a machine whose speed changes is as slow for one as for the others.
 */
import {
  Controller,
  Get,
  Inject,
  Injectable,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Public, TokenGuard } from '#trust/nest';
import { count, table } from '../summary.js';

/** Judges a request within the call. It returns true, or throws. */
type Judge = (request: FastifyRequest, context: ExecutionContext) => unknown;

export interface MeasuredGuard {
  readonly title: string;
  readonly carries: 'token' | 'session' | 'any';
  readonly judge: Judge;
}

/** Gets the guard of Signet, and returns all that are measured. */
export type MeasuredGuards = (signet: TokenGuard) => readonly MeasuredGuard[];

export const MEASURED_GUARDS = Symbol('measured guards');

/** Microseconds of each judgement, by the title of the guard. */
export type GuardTimes = Readonly<Record<string, readonly number[]>>;

@Injectable()
export class OneOfSeveral implements CanActivate {
  private readonly forTokens: readonly MeasuredGuard[];
  private readonly forSessions: readonly MeasuredGuard[];
  private times = new Map<string, number[]>();

  constructor(@Inject(MEASURED_GUARDS) guards: MeasuredGuards, signet: TokenGuard) {
    const all = guards(signet);
    this.forTokens = all.filter(({ carries }) => carries !== 'session');
    this.forSessions = all.filter(({ carries }) => carries !== 'token');
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    // Not by `headers`: one of the guards would find them parsed already.
    const hasToken = request.raw.rawHeaders.some(({ length }) => length > 200);
    const guards = hasToken ? this.forTokens : this.forSessions;
    const { title, judge } = guards[Math.floor(Math.random() * guards.length)]!;
    const begun = performance.now();
    const verdict = judge(request, context);
    const microseconds = (performance.now() - begun) * 1000;
    // A token that is new to Signet. It is not measured here.
    if (verdict instanceof Promise) return verdict as Promise<boolean>;
    const times = this.times.get(title);
    if (times) times.push(microseconds);
    else this.times.set(title, [microseconds]);
    return true;
  }

  /** What was measured since the last call. */
  take(): GuardTimes {
    const taken = Object.fromEntries(this.times);
    this.times = new Map();
    return taken;
  }
}

@Controller()
export class InsideController {
  @Get('inside')
  @Public()
  @UseGuards(OneOfSeveral)
  inside() {
    return { done: true };
  }
}

/** The fastest first. */
export function insideTable(times: GuardTimes): string {
  const rows = Object.entries(times)
    .map(([title, values]) => ({ title, sorted: [...values].sort((a, b) => a - b) }))
    .map(({ title, sorted }) => {
      const at = (share: number) => sorted[Math.floor(sorted.length * share)]!;
      return { title, median: at(0.5), low: at(0.25), high: at(0.75), judgements: sorted.length };
    })
    .sort((a, b) => a.median - b.median)
    .map(({ title, median, low, high, judgements }) => [
      title,
      `${median.toFixed(1)} µs`,
      `${low.toFixed(1)} to ${high.toFixed(1)}`,
      count(judgements),
    ]);
  return table(['guard', 'median', 'the middle half', 'judgements'], rows);
}
