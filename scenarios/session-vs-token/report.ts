/** The table and the chart of one run. */
import { barChart } from '../../bench/guard/chart.js';
import { count, milliseconds, spreadOf, table } from '../../bench/summary.js';
import { wayNames, type LaneName, type Results, type WayResult } from './measure.js';
import { TOKEN_SECONDS, type WayName } from './ways/way.js';

const titles: Record<WayName, string> = {
  memory: 'session in memory',
  store: 'session in a store',
  'shared-secret': 'HS256, shared secret',
  'public-key': 'ES256, public key',
};

export function tableOf({ ways, speed, logoutBytes }: Results): string {
  const row = (title: string, cell: (result: WayResult, way: WayName) => string): string[] => [
    title,
    ...wayNames.map((way) => cell(ways[way], way)),
  ];
  const lanes: Partial<Record<WayName, LaneName>> = { 'public-key': 'public-key, new tokens' };
  const rows = [
    row('requests accepted behind a plain round-robin balancer', ({ roundRobin }) =>
      share(roundRobin.accepted, roundRobin.requests),
    ),
    row('one of three instances is killed: users logged out', ({ death }) =>
      share(death.loggedOut, death.users),
    ),
    row('requests without an answer meanwhile', ({ death }) => count(death.unanswered)),
    row('the store, or the issuer, is stopped: users who can work', ({ away }) =>
      away ? `${share(away.canWork, away.users)}` : 'it needs neither',
    ),
    row('look-ups in a store for each request', ({ lookUps }) => count(lookUps)),
    row('requests a second, one instance', (_, way) => count(Math.round(spreadOf(speed[way].perSecond).p50))),
    row('the same, as a ratio to memory', (_, way) => ratioCell(speed, way)),
    row('the same, each token is new', (_, way) => (lanes[way] ? ratioCell(speed, lanes[way]) : '')),
    row('time of a request, p50', (_, way) => milliseconds3(spreadOf(speed[way].p50Ms).p50)),
    row('time of a request, p99', (_, way) => milliseconds3(spreadOf(speed[way].p99Ms).p50)),
    row('what it adds to the p99 of memory', (_, way) => addedCell(speed, way)),
    row('bytes of a whole request', ({ bytes }) => count(bytes.request)),
    row('of them the session id or the token', ({ bytes }) => count(bytes.credential)),
    row('100,000 users: memory of one server', ({ memory }) => megabytes(memory.server)),
    row('100,000 users: in the store', ({ memory }) => megabytes(memory.store)),
    row('a logout is seen by all instances after, p50', ({ logouts }) => logoutCell(logouts, 'p50')),
    row('the same, the slowest of 20', ({ logouts }) => logoutCell(logouts, 'max')),
    row('what a logout costs each server', (_, way) =>
      way === 'public-key' ? `${count(Math.round(logoutBytes))} bytes, until expiry` : '–',
    ),
    row('rows after a day of logins without logout', ({ ghosts }) => count(ghosts.stored)),
    row('of them ghosts, which a cleaning job removes', ({ ghosts }) => count(ghosts.removed)),
  ];
  return table(['', ...wayNames.map((way) => titles[way])], rows);
}

export function attemptsOf({ ways }: Results): string {
  const rows = wayNames.flatMap((way) =>
    ways[way].attempts.map(({ attempt, succeeded }) => [
      attempt,
      titles[way],
      succeeded ? 'works' : 'refused',
    ]),
  );
  return table(['with one stolen instance, the thief tries to', 'the way', 'result'], rows);
}

/** Four small charts, one below the other. */
export function chartOf({ ways, speed }: Results): string {
  const rates = wayNames.map((way) => bar(way, spreadOf(speed[way].perSecond).p50));
  const newTokens = spreadOf(speed['public-key, new tokens'].perSecond).p50;
  return stacked([
    chart(
      `Users logged out when one of three instances is killed, of ${ways.memory.death.users}`,
      wayNames.map((way) => bar(way, ways[way].death.loggedOut)),
      ways.memory.death.users,
    ),
    chart('Requests a second of one instance', [
      ...rates,
      { ...bar('public-key', newTokens), title: `${titles['public-key']}, each token is new` },
    ]),
    chart(
      'Bytes of a request',
      wayNames.map((way) => bar(way, ways[way].bytes.request)),
    ),
    chart(
      `Milliseconds until all instances see a logout, of the ${TOKEN_SECONDS} s that a token lives`,
      wayNames.map((way) => {
        const seenMs = spreadOf(ways[way].logouts.map(({ seenMs = Infinity }) => seenMs)).p50;
        return Number.isFinite(seenMs)
          ? bar(way, seenMs)
          : { ...bar(way, TOKEN_SECONDS * 1000), label: 'never' };
      }),
    ),
  ]);
}

interface Labelled {
  readonly title: string;
  readonly value: number;
  readonly label: string;
  readonly highlighted: boolean;
}

const bar = (way: WayName, value: number): Labelled => ({
  title: titles[way],
  value,
  label: count(Math.round(value)),
  highlighted: way === 'public-key',
});

/** @param whole the value of a bar with the full length; default: the greatest one */
function chart(
  heading: string,
  bars: readonly Labelled[],
  whole = Math.max(...bars.map(({ value }) => value)),
): string {
  return barChart(
    heading,
    bars.map((one) => ({ ...one, value: one.value / whole })),
  );
}

/** Puts SVG documents one below the other. */
function stacked(documents: readonly string[]): string {
  let height = 0;
  const placed = documents.map((svg) => {
    const y = height;
    height += Number(/ height="(\d+)"/.exec(svg)![1]);
    return svg.replace('<svg ', `<svg y="${y}" `);
  });
  const width = / width="(\d+)"/.exec(documents[0]!)![1];
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${placed.join('\n')}\n</svg>`;
}

const share = (part: number, whole: number): string => `${count(part)} of ${count(whole)}`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const milliseconds3 = (ms: number): string => `${ms.toFixed(2)} ms`;

/** Of pairs: each round is compared with the same round in memory. */
function ratioCell(speed: Results['speed'], lane: LaneName): string {
  const ratios = speed[lane].perSecond.map((rate, round) => rate / speed.memory.perSecond[round]!);
  const { p50, min, max } = spreadOf(ratios);
  return lane === 'memory' ? '1' : `${p50.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
}

function addedCell(speed: Results['speed'], lane: LaneName): string {
  const added = speed[lane].p99Ms.map((p99, round) => p99 - speed.memory.p99Ms[round]!);
  const { p50 } = spreadOf(added);
  return lane === 'memory' ? '' : `${p50 < 0 ? '−' : '+'}${milliseconds3(Math.abs(p50))}`;
}

function logoutCell(logouts: WayResult['logouts'], which: 'p50' | 'max'): string {
  if (logouts.some(({ seenMs }) => seenMs === undefined)) return `never; it expires after ${TOKEN_SECONDS} s`;
  return milliseconds(spreadOf(logouts.map(({ seenMs }) => seenMs!))[which]);
}
