import { describe, expect, it } from '@jest/globals';
import { dependencyReasonFaults } from './dependency-reasons.js';

const page = [
  '| package | reason |',
  '| --- | --- |',
  '| `@a/b` | Because.  |',
  '| `c`    |          |',
  '',
].join('\n');

describe('dependencyReasonFaults', () => {
  it('finds nothing if both name the same packages', () => {
    expect(
      dependencyReasonFaults({ devDependencies: { '@a/b': '1' } }, page.replace(/.*`c`.*\n/, '')),
    ).toEqual([]);
  });

  it('finds a package with an empty reason, one without a row and a row without a package', () => {
    expect(dependencyReasonFaults({ dependencies: { c: '1' }, overrides: { d: '1' } }, page)).toEqual([
      'c of package.json has no reason',
      'd of package.json has no reason',
      '@a/b has a reason, but is not in package.json',
    ]);
  });
});
