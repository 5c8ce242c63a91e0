/** Backups of a state folder whose database is one file, so that no server is needed. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { eventually, freePortBase } from '#testing';
import { removePostgresData } from '../local/postgres-home.js';
import { statePaths } from '../local/state-dir.js';
import { startSystem } from '../local/system.js';
import { backUp } from './state-backup.js';
import { clusterOf } from './state-postgres.js';
import { restore } from './state-restore.js';
import { swapFolders } from './swap.js';

const proof = 'secrets/auth/statements/last-statement.jwt';
let folder: string;
let stateDir: string;
let backup: string;
let victim: string;

const force = { force: true };
const restoring = (from = backup) => restore(stateDir, from, force);
const read = (file: string) => readFileSync(join(stateDir, file), 'utf8');
const database = () => readFileSync(join(clusterOf(stateDir), 'table'), 'utf8');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'test-restore-'));
  [stateDir, backup, victim] = ['state', 'backup', 'victim'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  write(join(victim, 'file'), 'of the victim');
  chmodSync(join(victim, 'file'), 0o644);
  makeState(stateDir, 'backed up');
  await backUp(stateDir, backup);
  makeState(stateDir, 'now');
});
afterEach(() => {
  removePostgresData(stateDir);
  rmSync(folder, { recursive: true, force: true });
});

describe('a restore', () => {
  it('replaces the database and the secrets, and keeps the proofs alone', async () => {
    write(join(stateDir, 'secrets/later/key'), 'later');
    await expect(restore(stateDir, backup, { force: false })).rejects.toThrow('has a system');
    await restoring();
    expect([database(), read('secrets/auth/key'), read('public/key'), read('credentials.json')]).toEqual(
      Array(4).fill('backed up'),
    );
    expect(read(proof)).toBe('proof now');
    expect(readdirSync(join(stateDir, 'secrets')).sort()).toEqual(['auth', 'postgres']);
    expect(existsSync(join(stateDir, 'restoring'))).toBe(false);
    expect(readdirSync(clusterOf(stateDir)).sort()).toEqual(['PG_VERSION', 'table']);
  });

  it('lets only one user read what it restores, whatever the archive says', async () => {
    await rewritten('secrets', (draft) => chmodSync(join(draft, 'secrets/auth/key'), 0o4777));
    await rewritten('database', (draft) => chmodSync(join(draft, 'table'), 0o666));
    await restoring();
    const files = [join(stateDir, 'secrets/auth/key'), join(clusterOf(stateDir), 'table')];
    expect(files.map((file) => statSync(file).mode & 0o7777)).toEqual([0o600, 0o600]);
  });

  const link = (path: string) => (draft: string) => {
    rmSync(join(draft, path), { force: true });
    mkdirSync(dirname(join(draft, path)), { recursive: true });
    symlinkSync(victim, join(draft, path));
  };
  const pipe = (path: string) => (draft: string) => {
    rmSync(join(draft, path));
    execFileSync('mkfifo', [join(draft, path)]);
  };
  it.each([
    ['a link in the secrets', 'secrets', link('secrets/evil'), 'secrets.tar.gz has secrets/evil'],
    [
      'a link to nothing',
      'secrets',
      (draft: string) => symlinkSync('nothing', join(draft, 'public/evil')),
      'has public/evil',
    ],
    ['a link in place of a folder', 'secrets', link('secrets/auth/statements/x'), undefined],
    ['a link in the database', 'database', link('pg_tblspc/99999'), 'database.tar.gz has pg_tblspc/99999'],
    ['a pipe for a version', 'database', pipe('PG_VERSION'), 'database.tar.gz has PG_VERSION'],
    ['a pipe for a password', 'secrets', pipe('secrets/postgres/superuser-password'), 'neither a file nor'],
  ] as const)('follows nothing out of the state folder: %s', async (_what, archive, change, line) => {
    await rewritten(archive, change);
    const before = statSync(join(victim, 'file'));
    const restored = restoring();
    if (line === undefined) await restored;
    else {
      await expect(restored).rejects.toMatchObject({
        code: 'bad_argument',
        message: expect.stringContaining(line),
      });
      expectUnchanged();
    }
    const after = statSync(join(victim, 'file'));
    expect([after.uid, after.mode, after.ino]).toEqual([before.uid, before.mode, before.ino]);
    expect(read(proof)).toBe('proof now');
  });

  it('replaces a link in the state folder, and leaves what is behind it', async () => {
    symlinkSync(victim, join(stateDir, 'secrets/shared'));
    renameSync(join(stateDir, 'public'), join(folder, 'other disk'));
    symlinkSync(join(folder, 'other disk'), join(stateDir, 'public'));
    await restoring();
    expect(readdirSync(victim)).toEqual(['file']);
    expect(readFileSync(join(folder, 'other disk/key'), 'utf8')).toBe('now');
    expect(lstatSync(join(stateDir, 'public')).isDirectory()).toBe(true);
    expect(read('public/key')).toBe('backed up');
  });

  it('takes no two archives of different backups', async () => {
    const other = join(folder, 'other');
    await backUp(stateDir, other);
    renameSync(join(other, 'secrets.tar.gz'), join(backup, 'secrets.tar.gz'));
    await expect(restoring()).rejects.toThrow('are of two different backups. Nothing has changed.');
    await rewritten('secrets', (draft) => rmSync(join(draft, 'backup-id')));
    await expect(restoring()).rejects.toThrow('secrets.tar.gz has no backup-id');
    expectUnchanged();
  });

  it('leaves everything as it was when a signal ends it', async () => {
    await rewritten('database', (draft) => writeFileSync(join(draft, 'large'), randomBytes(50_000_000)));
    const restored = restoring().catch((error: unknown) => error);
    await eventually(() => existsSync(join(dirname(clusterOf(stateDir)), 'restoring/new/data')));
    process.emit('SIGTERM', 'SIGTERM');
    expect(await restored).toMatchObject({ message: 'Interrupted. Everything is as it was before.' });
    expectUnchanged();
    expect(readdirSync(dirname(clusterOf(stateDir)))).toEqual(['data']);
  });

  it('takes no folder that is not a state folder', async () => {
    const other = join(folder, 'site');
    write(join(other, 'public/index.html'), 'a page');
    await expect(restore(other, backup, force)).rejects.toThrow('is not a state folder');
    expect(readdirSync(other)).toEqual(['public']);
  });

  it('takes back what a killed restore has replaced, before it begins. Nothing starts meanwhile', async () => {
    mkdirSync(swapFolders.old(stateDir), { recursive: true });
    renameSync(join(stateDir, 'secrets'), join(swapFolders.old(stateDir), 'secrets'));
    const start = startSystem({ stateDir, portBase: await freePortBase([0]) });
    await expect(start).rejects.toThrow('was killed before it had finished. Repeat it: npm run restore');
    await expect(backUp(stateDir, join(folder, 'second'))).rejects.toThrow('Repeat it: npm run restore');
    write(join(stateDir, 'secrets/half'), 'half');
    writeFileSync(join(backup, 'database.tar.gz'), 'damaged');
    await expect(restoring()).rejects.toThrow('tar failed');
    expectUnchanged();
  });
});

describe('a backup', () => {
  it('leaves nothing behind when a signal ends it', async () => {
    writeFileSync(join(clusterOf(stateDir), 'large'), randomBytes(50_000_000));
    const made = backUp(stateDir, join(folder, 'second')).catch((error: unknown) => error);
    await eventually(() => readdirSync(folder).some((name) => name.startsWith('second.draft-')));
    process.emit('SIGTERM', 'SIGTERM');
    expect(await made).toMatchObject({
      code: 'child_failed',
      message: 'Interrupted. Everything is as it was before.',
    });
    expect(readdirSync(folder).sort()).toEqual(['backup', 'state', 'victim']);
    expect(readdirSync(statePaths.launchers(stateDir))).toEqual([]);
  });

  it('refuses what a restore would refuse', async () => {
    symlinkSync(victim, join(stateDir, 'secrets/shared'));
    const line = `${join(stateDir, 'secrets/shared')} is neither a file nor a folder`;
    await expect(backUp(stateDir, join(folder, 'second'))).rejects.toThrow(line);
  });
});

/** Makes a state folder, or writes other content into it. */
function makeState(dir: string, content: string): void {
  mkdirSync(statePaths.launchers(dir), { recursive: true });
  for (const file of ['secrets/auth/key', 'secrets/postgres/superuser-password', 'public/key'])
    write(join(dir, file), content);
  write(join(dir, 'credentials.json'), content);
  write(join(dir, proof), `proof ${content}`);
  write(join(clusterOf(dir), 'PG_VERSION'), '17\n');
  write(join(clusterOf(dir), 'table'), content);
}

function write(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** Unpacks an archive of the backup, changes what is in it, and packs it again. */
async function rewritten(name: 'database' | 'secrets', change: (draft: string) => void): Promise<void> {
  const archive = join(backup, `${name}.tar.gz`);
  const draft = mkdtempSync(join(folder, 'draft-'));
  execFileSync('tar', ['-xzf', archive, '-C', draft]);
  change(draft);
  execFileSync('tar', ['-czf', archive, '-C', draft, '.']);
  rmSync(draft, { recursive: true });
}

function expectUnchanged(): void {
  expect([database(), read('secrets/auth/key'), read('public/key'), read('credentials.json')]).toEqual(
    Array(4).fill('now'),
  );
  expect(read(proof)).toBe('proof now');
  expect(existsSync(join(stateDir, 'restoring'))).toBe(false);
}
