import { expect, it } from '@jest/globals';
import { mistakes, trafficReport } from './report.js';
import { ourNames, quickPlan, underTraffic, withManyVerifiers } from './rotation-bench.js';

it('in small: nobody is wrongly refused, nobody wrongly accepted', async () => {
  const result = await underTraffic(quickPlan, () => undefined);
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
  expect(mistakes(result)).toBe(0);
  expect(trafficReport(quickPlan, result)).toContain('| alpha');
  // The watch alone takes 18 s where a verifier was silent.
}, 90_000);

it('in small: a new key is acknowledged by every simulated verifier', async () => {
  const steps = await withManyVerifiers(quickPlan, () => undefined);
  expect(steps.map(({ verifiers }) => verifiers)).toEqual(quickPlan.simulated.steps);
  for (const { acknowledgedMs } of steps)
    expect(acknowledgedMs).toHaveLength(quickPlan.simulated.rotationsPerStep);
}, 60_000);
