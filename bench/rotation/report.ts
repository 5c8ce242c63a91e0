/** The result as Markdown. */
import type { StepResult } from './many-verifiers.js';
import type { RevocationParts } from './phases.js';
import { ourNames, peers, type Plan, type TrafficResult } from './rotation-bench.js';
import { count, milliseconds, spreadCells, spreadOf, table } from '../summary.js';
import type { Tallies, Tally } from './traffic.js';

export function trafficReport(plan: Plan, result: TrafficResult): string {
  const { watched, rotations, revocations, withoutNats } = result;
  const parts = [
    `### ${plan.revocations} emergency revocations`,
    table(
      [...refusedHead, 'wrongly accepted'],
      rows(revocations.tallies, (tally) => [
        ...refusedCells(tally),
        count(tally.verdicts['wrongly accepted']),
      ]),
    ),
    'From sending the revocation to the arrival of the last answer that accepted:',
    lastAcceptedTable(revocations.lastAcceptedMs),
    'The parts of that, and what no part can be faster than, on the same busy machine:',
    partsTable(revocations),
    revokeCall(revocations.callMs, revocations.silentAnswers),
    `### ${plan.rotations} rotations`,
    table(refusedHead, rows(rotations.tallies, refusedCells)),
    `The call of \`rotate\`: ${spreadText(rotations.callMs)}.`,
    `### One revocation in a quiet system, watched for ${watched.watchMs / 1000} s`,
    table(
      ['verifier', 'last acceptance after', 'wrongly accepted', 'wrongly refused'],
      rows(watched.tallies, (tally, name) => [
        lastSeen(watched.lastMs.get(name)!, watched.watchMs),
        count(tally.verdicts['wrongly accepted']),
        count(tally.verdicts['wrongly refused']),
      ]),
    ),
  ];
  if (withoutNats)
    parts.push(
      `### ${plan.withoutNats} emergency revocations while NATS is stopped`,
      table(
        ['verifier', 'requests', 'wrongly refused', 'accepted after 17 s', 'last acceptance after'],
        ourNames.map((name) => {
          const { requests, verdicts } = withoutNats.tallies.get(name)!;
          const last = withoutNats.lastAcceptedMs.get(name)!.map(inSeconds).join(', ');
          return [
            name,
            count(requests),
            count(verdicts['wrongly refused']),
            count(verdicts['wrongly accepted']),
            last,
          ];
        }),
      ),
    );
  return parts.join('\n\n');
}

export function verifiersReport(steps: readonly StepResult[]): string {
  const rows = table(
    [
      'verifiers',
      'prepare to all acknowledged, p50',
      'max',
      'CPU of auth',
      'its event loop',
      'CPU at rest',
      'verifiers’ CPU',
    ],
    steps.map((step) => [
      count(step.verifiers),
      milliseconds(spreadOf(step.acknowledgedMs).p50),
      milliseconds(spreadOf(step.acknowledgedMs).max),
      milliseconds(step.cpuSecondsPerRotation * 1000),
      milliseconds(step.eventLoopMaxMs),
      `${(step.idleCpu * 100).toFixed(1)} %`,
      milliseconds(step.simulatorCpuSecondsPerRotation * 1000),
    ]),
  );
  return `### Many verifiers\n\n${rows}`;
}

/** Whether what must be 0 is 0, for this system's own verifiers. */
export function mistakes({ watched, rotations, revocations, withoutNats }: TrafficResult): number {
  const phases = [watched, rotations, revocations, ...(withoutNats ? [withoutNats] : [])];
  const tallies = phases.flatMap((phase) => ourNames.map((name) => phase.tallies.get(name)!));
  return tallies.reduce(
    (sum, { verdicts }) => sum + verdicts['wrongly refused'] + verdicts['wrongly accepted'],
    0,
  );
}

const refusedHead = ['verifier', 'requests', 'wrongly refused', 'share'];

function refusedCells({ requests, verdicts }: Tally): string[] {
  const refused = verdicts['wrongly refused'];
  return [count(requests), count(refused), `${((100 * refused) / requests).toFixed(1)} %`];
}

function rows(tallies: Tallies, cells: (tally: Tally, name: string) => string[]): string[][] {
  return [...tallies].map(([name, tally]) => [titleOf(name), ...cells(tally, name)]);
}

const titleOf = (name: string): string => (name in peers ? peers[name as keyof typeof peers].title : name);

function lastAcceptedTable(lastAcceptedMs: ReadonlyMap<string, readonly number[]>): string {
  return table(
    ['verifier', 'p50', 'p99', 'max'],
    [...lastAcceptedMs].map(([name, values]) => [name, ...spreadCells(spreadOf(values))]),
  );
}

function partsTable({ toStatementMs, afterStatementMs, commitAndDeliverMs }: RevocationParts): string {
  const rows: [string, readonly number[]][] = [
    ['from sending to its statement on NATS', toStatementMs],
    ...[...afterStatementMs].map(([name, values]): [string, readonly number[]] => [
      `from there to the last acceptance, ${name}`,
      values,
    ]),
    ['one commit, and one message to NATS and back', commitAndDeliverMs],
  ];
  return table(
    ['part', 'p50', 'p99', 'max'],
    rows.map(([name, values]) => [name, ...spreadCells(spreadOf(values))]),
  );
}

function revokeCall(callMs: readonly number[], silentAnswers: number): string {
  const tenth = Math.max(1, Math.floor(callMs.length / 10));
  const [first, last] = [callMs.slice(0, tenth), callMs.slice(-tenth)].map((part) =>
    milliseconds(spreadOf(part).p50),
  );
  return `The call of \`revoke\`, which ends when all have acknowledged: ${spreadText(callMs)}; the median of the first tenth ${first}, of the last ${last}. Answers that named a silent verifier: ${silentAnswers}.`;
}

function spreadText(values: readonly number[]): string {
  const [p50, p99, max] = spreadCells(spreadOf(values));
  return `p50 ${p50}, p99 ${p99}, max ${max}`;
}

const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function lastSeen(ms: number, watchMs: number): string {
  // Its lane asks every 20 ms or so: an acceptance in the last half second means that it went on.
  if (ms > watchMs - 500) return `still accepting at ${inSeconds(watchMs)}`;
  return milliseconds(ms);
}
