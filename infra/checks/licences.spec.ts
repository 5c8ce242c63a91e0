import { describe, expect, it } from '@jest/globals';
import { licenceFaults } from './licences.js';

const locked = (license?: string) => ({
  '': {},
  'node_modules/a/node_modules/@x/thing': { version: '1.0.0', ...(license !== undefined && { license }) },
});

describe('licenceFaults', () => {
  it.each(['MIT', '(MIT OR GPL-3.0)', 'GPL-3.0 OR ISC', 'Apache-2.0 AND MIT'])('accepts %s', (license) => {
    expect(licenceFaults(locked(license))).toEqual([]);
  });

  it.each(['GPL-3.0', 'MIT AND GPL-3.0', 'GPL-3.0 OR AGPL-3.0', 'UNLICENSED', 'constructor'])(
    'refuses %s',
    (license) => {
      expect(licenceFaults(locked(license))).toEqual([
        `@x/thing@1.0.0 has the licence ${license}, which is not on the list`,
      ]);
    },
  );

  it('refuses a package without a licence, unless we know where its licence is', () => {
    expect(licenceFaults(locked())).toEqual(['@x/thing@1.0.0 has no licence']);
    expect(licenceFaults({ 'node_modules/pause': { version: '0.0.1' } })).toEqual([]);
  });
});
