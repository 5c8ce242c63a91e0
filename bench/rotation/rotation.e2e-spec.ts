import { expect, it } from '@jest/globals';
import { mistakes, report } from './report.js';
import { ourNames, quickPlan, runRotationBench } from './rotation-bench.js';

it('in small: nobody is wrongly refused, nobody wrongly accepted', async () => {
  const log: string[] = [];
  const result = await runRotationBench(quickPlan, (line) => log.push(line));
  for (const { tallies } of [result.watched, result.rotations, result.revocations]) {
    for (const name of ourNames) {
      const { requests, verdicts } = tallies.get(name)!;
      expect(requests).toBeGreaterThan(20);
      expect(verdicts.accepted).toBeGreaterThan(0);
      expect(verdicts).toMatchObject({ 'wrongly refused': 0, 'wrongly accepted': 0 });
    }
  }
  // That revoked tokens were tried at all, and that whoever accepts them is found out.
  for (const name of ourNames)
    expect(result.revocations.tallies.get(name)!.verdicts.refused).toBeGreaterThan(0);
  expect(result.watched.tallies.get('jwks-rsa')!.verdicts['wrongly accepted']).toBeGreaterThan(0);
  expect(result.simulated.map(({ verifiers }) => verifiers)).toEqual(quickPlan.simulated.steps);
  expect(mistakes(result)).toBe(0);
  expect(report(quickPlan, result, '', 1)).toContain('| alpha');
}, 90_000);
