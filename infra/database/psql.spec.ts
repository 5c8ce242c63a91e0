import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPsql } from './psql.js';

describe('findPsql', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'test-psql-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('takes the first program in the given folders', () => {
    writeFileSync(join(folder, 'psql'), '#!/bin/sh\n', { mode: 0o755 });
    expect(findPsql({ path: ['', join(folder, 'none'), folder], others: [] })).toBe(join(folder, 'psql'));
  });

  it('takes no file that cannot be executed, and then says how to get a psql', () => {
    writeFileSync(join(folder, 'psql'), '');
    chmodSync(join(folder, 'psql'), 0o644);
    expect(() => findPsql({ path: [folder], others: [] })).toThrow(
      'There is no psql here. Install it (apt-get install postgresql-client, or: brew install libpq).',
    );
  });

  it('then looks in the folders of packages', () => {
    writeFileSync(join(folder, 'psql'), '#!/bin/sh\n', { mode: 0o755 });
    expect(findPsql({ path: [], others: [folder] })).toBe(join(folder, 'psql'));
  });
});
