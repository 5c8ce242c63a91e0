/** The report of a run, for people, as JSON, and as JUnit XML for CI. */
import type { Measurement } from './measure.js';
import type { Result } from './verdict.js';

export interface Report {
  readonly title: string;
  readonly results: readonly Result[];
  readonly measurements: readonly Measurement[];
}

const columns = ['name', 'expected', 'seen', 'rfc', 'verdict'] as const;
const head = { name: 'case', expected: 'expected', seen: 'seen', rfc: 'section', verdict: 'verdict' };

export function countsOf(results: readonly Result[]) {
  const count = (verdict: Result['verdict']) => results.filter((each) => each.verdict === verdict).length;
  return { pass: count('pass'), note: count('note'), fail: count('fail') };
}

/** The table, then why each note is a note and each failure a failure, then what was measured. */
export function textReport({ results, measurements }: Report): string {
  const widths = columns.map((column) =>
    Math.max(head[column].length, ...results.map((each) => each[column].length)),
  );
  const line = (cells: Record<(typeof columns)[number], string>) =>
    columns
      .map((column, i) => cells[column].padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  const { pass, note, fail } = countsOf(results);
  return [
    [line(head), ...results.map(line)].join('\n'),
    ...reasons('Failures', results, 'fail'),
    ...reasons('Notes', results, 'note'),
    ...(measurements.length === 0 ? [] : [measured(measurements)]),
    `${pass} passed, ${note} noted, ${fail} failed.${openDoor(results)}`,
  ].join('\n\n');
}

export function jsonReport(report: Report, at: Date): string {
  return `${JSON.stringify({ ...report, at: at.toISOString(), counts: countsOf(report.results) }, null, 2)}\n`;
}

/** One test case for each row. A note passes, with its reason as output. */
export function junitReport({ title, results }: Report): string {
  const { fail } = countsOf(results);
  const cases = results.map(({ name, rfc, expected, seen, verdict, why = '' }) => {
    const text = escaped(`expected ${expected}, seen ${seen}: ${why}`);
    const inner = {
      pass: '',
      note: `<system-out>${text}</system-out>`,
      fail: `<failure message="${text}"/>`,
    }[verdict];
    return `    <testcase classname="${escaped(rfc)}" name="${escaped(name)}">${inner}</testcase>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="${escaped(title)}" tests="${results.length}" failures="${fail}">
${cases.join('\n')}
  </testsuite>
</testsuites>
`;
}

function reasons(title: string, results: readonly Result[], verdict: Result['verdict']): string[] {
  const lines = results
    .filter((each) => each.verdict === verdict)
    .map(({ name, why = '' }) => `  ${name}: ${why}`);
  return lines.length === 0 ? [] : [[`${title}:`, ...lines].join('\n')];
}

function measured(measurements: readonly Measurement[]): string {
  const lines = measurements.map(
    ({ name, result, fetches }) =>
      `  ${name}: ${result}${fetches === undefined ? '' : `; fetches: ${fetches}`}`,
  );
  return ['Measured, without a verdict:', ...lines].join('\n');
}

/** A target without any check deserves a sentence of its own. */
function openDoor(results: readonly Result[]): string {
  const open = results.some(({ name, verdict }) => name === 'no token' && verdict === 'fail');
  return open ? ' The target accepts requests without any token: this route is not guarded.' : '';
}

function escaped(text: string): string {
  const names: Record<string, string> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };
  return text.replace(/[<>&"]/g, (character) => names[character]!);
}
