import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresDataParent, removePostgresData } from '../local/postgres-home.js';
import { projectRoot } from '../project.js';
import { makeDraft, requireNewFolder } from './backup-target.js';

describe('the folder of a backup', () => {
  let folder: string;
  let stateDir: string;
  const at = (path: string) => join(folder, path);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'test-target-'));
    stateDir = at('state');
    mkdirSync(at('state/secrets'), { recursive: true });
    mkdirSync(postgresDataParent(stateDir), { recursive: true });
    symlinkSync(at('state/secrets'), at('link'));
    symlinkSync(at('nothing'), at('dangling'));
  });
  afterEach(() => {
    removePostgresData(stateDir);
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    [() => at('state/..b'), 'is in the state folder, which npm run reset removes'],
    [() => at('link/backup'), 'is in the state folder, which npm run reset removes'],
    [() => join(postgresDataParent(stateDir), 'backup'), 'which npm run reset removes'],
    [() => join(projectRoot, 'backup'), 'is in the repository: the next commit could have its secrets'],
    [() => at('dangling'), 'exists already'],
  ])('is refused where it would be lost or published: %#', (target, line) => {
    expect(() => requireNewFolder(stateDir, target())).toThrow(line);
  });

  it('can be beside the state folder', () => {
    for (const name of ['backup', '..backup', 'state.backup'])
      expect(() => requireNewFolder(stateDir, at(name))).not.toThrow();
  });

  it('begins as a draft. The draft of a backup that was killed is removed, that of a running one stays', () => {
    const pids = [process.pid, process.ppid, 2 ** 22 - 1];
    for (const name of [...pids, 'mine']) {
      mkdirSync(at(`backup.draft-${name}`));
      writeFileSync(at(`backup.draft-${name}/secrets.tar.gz`), '');
    }
    expect(readdirSync(makeDraft(at('backup')))).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.startsWith('backup'))).toEqual(
      [process.pid, process.ppid, 'mine'].map((name) => `backup.draft-${name}`).sort(),
    );
  });
});
