/** The result as Markdown. */
import type { Bystander } from '../bystander.js';
import { count, milliseconds, spreadCells, spreadOf, table } from '../summary.js';
import { acceptedAfter, acceptedAgain, lastAcceptedMs, type Logout } from './logouts.js';
import type { LateStarts, Published } from './many-revocations.js';
import { places } from './sessions.js';

/** What was measured of some logouts. */
export interface Logouts {
  readonly logouts: readonly Logout[];
  /** What the bystander measured after them: one commit, and one message to NATS and back. */
  readonly commitAndDeliverMs: readonly number[];
  readonly numberedAt: ReadonlyMap<string, number>;
}

export function lastAcceptances({ logouts }: Logouts): string {
  const rows = places.map((place) => {
    const sent = (moment: (logout: Logout) => number) =>
      sum(logouts, (logout) => acceptedAfter(logout, place, moment(logout)));
    return [
      place,
      ...spreadCells(spreadOf(logouts.map((logout) => lastAcceptedMs(logout, place)))),
      count(sum(logouts, ({ shown }) => shown[place]!.length)),
      count(sent(({ answeredAt }) => answeredAt)),
      count(sum(logouts, (logout) => acceptedAgain(logout, place))),
    ];
  });
  return table(
    ['service', 'p50', 'p99', 'max', 'requests', 'accepted after the answer', 'accepted again'],
    rows,
  );
}

export function parts(
  { logouts, numberedAt, commitAndDeliverMs }: Logouts,
  bystander: Bystander<string>,
): string {
  const spans = (span: (logout: Logout) => number) => spreadCells(spreadOf(logouts.map(span)));
  const heardAt = ({ sid }: Logout) => bystander.arrivedAt(sid) ?? NaN;
  const numbered = ({ sid }: Logout) => numberedAt.get(sid) ?? NaN;
  const afterHeard = (place: string) => (logout: Logout) =>
    Math.max(0, logout.sentAt + lastAcceptedMs(logout, place) - heardAt(logout));
  return table(
    ['part', 'p50', 'p99', 'max'],
    [
      ['from sending until the revocation has its number', ...spans((each) => numbered(each) - each.sentAt)],
      [
        'from there until it is on NATS: signed, committed',
        ...spans((each) => heardAt(each) - numbered(each)),
      ],
      ...places
        .slice(1)
        .map((place) => [`from there to the last acceptance, ${place}`, ...spans(afterHeard(place))]),
      ['from sending to the answer 204', ...spans(({ sentAt, answeredAt }) => answeredAt - sentAt)],
      ['one commit, and one message to NATS and back', ...spreadCells(spreadOf(commitAndDeliverMs))],
    ],
  );
}

export function manyReport(
  { count: many, publishedMs, heldMs }: Published,
  { late, auth }: LateStarts,
): string {
  const { full, empty } = late.checkMicroseconds;
  const verdicts = Object.entries(late.verdictsBefore).map(
    ([verdict, times]) => `${verdict} ${count(times)} ×`,
  );
  return table(
    ['what', 'measured'],
    [
      ['auth publishes them', seconds(publishedMs)],
      ['until every running service holds them', seconds(heldMs)],
      ['a verifier that starts now holds them after', seconds(late.completeMs)],
      ['CPU time of this', seconds(late.cpuSeconds * 1000)],
      ['its longest slice of the event loop', milliseconds(late.longestSliceMs)],
      ['the same, CPU time', milliseconds(late.longestSliceCpuMs)],
      ['its longest collection of garbage', milliseconds(late.longestCollectionMs)],
      ['a good token, until it holds them', verdicts.join(', ')],
      ['a good token, afterwards', late.verdictAfter],
      ['auth holds them after a restart, from ready', seconds(auth.completeMs)],
      ['longest slice of the event loop of auth', milliseconds(auth.longestSliceMs)],
      ['memory in a verifier', `${(late.bytes / 2 ** 20).toFixed(1)} MiB`],
      ['memory for each', `${Math.round(late.bytes / many)} bytes`],
      ['a check on first sight, CPU time', `${full.toFixed(2)} µs`],
      ['the same with no revocation', `${empty.toFixed(2)} µs`],
    ],
  );
}

/** What must be 0: requests of a session that was accepted again, and answers that are no verdict. */
export function mistakes({ logouts }: Logouts): number {
  const strange = (logout: Logout, place: string) =>
    logout.shown[place]!.filter(({ verdict }) => verdict === 'strange').length;
  return sum(logouts, (logout) =>
    sum(places, (place) => acceptedAgain(logout, place) + strange(logout, place)),
  );
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const sum = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((total, item) => total + value(item), 0);
