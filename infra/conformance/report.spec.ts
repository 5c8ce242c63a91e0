import { expect, test } from '@jest/globals';
import { jsonReport, junitReport, textReport, type Report } from './report.js';

const row = { rfc: 'RFC 0 §1', expected: '401', seen: '200' };
const report: Report = {
  title: 'conformance of <a>',
  results: [
    { ...row, name: 'no token', verdict: 'fail', why: 'it is "accepted" & so' },
    { ...row, name: 'odd', verdict: 'note', why: 'it may' },
    { ...row, name: 'fine', seen: '401', verdict: 'pass' },
  ],
  measurements: [{ name: 'a new key is accepted', result: 'after 0.5 s', seconds: 0.5, fetches: 1 }],
};

test('the text is a table, the reasons, what was measured, and the sum', () => {
  expect(textReport(report)).toBe(`case      expected  seen  section   verdict
no token  401       200   RFC 0 §1  fail
odd       401       200   RFC 0 §1  note
fine      401       401   RFC 0 §1  pass

Failures:
  no token: it is "accepted" & so

Notes:
  odd: it may

Measured, without a verdict:
  a new key is accepted: after 0.5 s; fetches: 1

1 passed, 1 noted, 1 failed. The target accepts requests without any token: this route is not guarded.`);
});

test('the text of a clean run has no reasons', () => {
  const text = textReport({ ...report, results: [report.results[2]!], measurements: [] });
  expect(text.split('\n\n')).toEqual([expect.stringContaining('fine'), '1 passed, 0 noted, 0 failed.']);
});

test('the JSON has everything, the time and the sum', () => {
  expect(JSON.parse(jsonReport(report, new Date(0)))).toEqual({
    ...report,
    at: '1970-01-01T00:00:00.000Z',
    counts: { pass: 1, note: 1, fail: 1 },
  });
});

test('the JUnit XML has a failure only for failures, and no bare markup', () => {
  expect(junitReport(report)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="conformance of &lt;a&gt;" tests="3" failures="1">
    <testcase classname="RFC 0 §1" name="no token"><failure message="expected 401, seen 200: it is &quot;accepted&quot; &amp; so"/></testcase>
    <testcase classname="RFC 0 §1" name="odd"><system-out>expected 401, seen 200: it may</system-out></testcase>
    <testcase classname="RFC 0 §1" name="fine"></testcase>
  </testsuite>
</testsuites>
`);
});
