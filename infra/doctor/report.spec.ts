import { expect, it } from '@jest/globals';
import { describeFindings } from './report.js';
import { rules } from './rules.js';

it('shows control characters, which a terminal would obey, by their code', () => {
  const finding = { rule: rules[0]!, setting: 'DATABASE_HOST', problem: 'db\u001b[1A\u001b[2K\r' };
  expect(describeFindings([finding])).toContain('DATABASE_HOST: db\\u001b[1A\\u001b[2K\\u000d');
});
