/** Puts the reports of several libraries side by side, as Markdown. */
import { countsOf } from '../../infra/conformance/report.js';
import type { TargetReport } from '../../infra/conformance/test-target.js';
import { versionOf } from '../circumstances.js';
import { table } from '../summary.js';

export interface PeerResult {
  readonly name: string;
  readonly packages: readonly string[];
  readonly report: TargetReport;
}

/** The sums, then every case that is not a pass everywhere, then what was measured. */
export function resultsOf(results: readonly PeerResult[], { alg, at }: { alg: string; at: Date }): string {
  const names = results.map(({ name }) => name);
  return [
    `Measured ${at.toISOString().slice(0, 10)} with ${alg} by \`npm run bench:conformance\`, Node ${process.versions.node}.`,
    table(['server', 'packages', 'passed', 'noted', 'failed'], results.map(sumRow)),
    'Every case in which one of them does not pass. The others are passed by all. In brackets: the status.',
    table(['case', 'section', ...names], caseRows(results)),
    'How they follow the keys of the issuer, without a verdict:',
    table(
      ['server', 'a new key is accepted', 'a removed key is refused', 'fetches for 100 unknown key ids'],
      results.map(measuredRow),
    ),
  ].join('\n\n');
}

function sumRow({ name, packages, report }: PeerResult): string[] {
  const { pass, note, fail } = countsOf(report.results);
  const versions = packages.map((each) => `${each} ${versionOf(each)}`).join(', ') || 'this repository';
  return [name, versions, ...[pass, note, fail].map(String)];
}

function caseRows(results: readonly PeerResult[]): string[][] {
  const [first] = results;
  return (first?.report.results ?? []).flatMap(({ name, rfc }, i) => {
    const cells = results.map(({ report }) => report.results[i]!);
    if (cells.every(({ verdict }) => verdict === 'pass')) return [];
    return [
      [
        name,
        rfc,
        ...cells.map(({ verdict, seen }) => (verdict === 'pass' ? 'pass' : `${verdict} (${seen})`)),
      ],
    ];
  });
}

function measuredRow({ name, report: { measurements } }: PeerResult): string[] {
  const [learned, flood, removed] = measurements;
  return [name, learned?.result ?? '–', removed?.result ?? '–', String(flood?.fetches ?? '–')];
}
