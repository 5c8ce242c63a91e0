import { expect, it } from '@jest/globals';
import { migrationFaults } from '#testing';
import { entities, migrations } from '../src/database/index.js';

it('the migrations make what the entities describe, and can be undone', async () => {
  expect(await migrationFaults('auth', { entities, migrations })).toEqual([]);
});
