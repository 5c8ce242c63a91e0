import { describe, expect, it } from '@jest/globals';
import { explainPostgresFailure } from './postgres-failure.js';

const refused = { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:3010' };
const explain = (running: boolean, refusal: { code?: string; message: string }, ...lines: string[]) =>
  explainPostgresFailure({
    port: 3010,
    stateDir: '/state',
    logFile: '/state/logs/postgres.log',
    refusal,
    child: { running, lastLines: () => lines },
  });

describe('a PostgreSQL that cannot be used', () => {
  it.each([
    [
      'runs, and refuses a login for another reason',
      true,
      { message: 'The server does not support SSL' },
      [],
      'not_ready',
      'nobody can log in: The server does not support SSL',
    ],
    [
      'does not answer',
      true,
      { message: 'timeout expired' },
      ['LOG:  starting'],
      'not_ready',
      'timeout expired',
    ],
    [
      'is recovering',
      true,
      { code: '57P03', message: 'the database system is starting up' },
      ['LOG:  redo starts'],
      'not_ready',
      'is still recovering from a crash',
    ],
    [
      'cannot have its port',
      false,
      refused,
      ['LOG:  could not bind IPv4 address "127.0.0.1": Address already in use'],
      'port_in_use',
      '--port-base',
    ],
    [
      'has a second server on its data',
      false,
      refused,
      ['FATAL:  lock file "postmaster.pid" already exists'],
      'already_running',
      'Another PostgreSQL uses the data',
    ],
    [
      'has no space on the disk',
      false,
      refused,
      ['FATAL:  could not write lock file "postmaster.pid": No space left on device'],
      'child_failed',
      'ended while it was starting',
    ],
    [
      'may not read its files',
      false,
      refused,
      ['FATAL:  could not open file "global/pg_control": Permission denied'],
      'child_failed',
      'ended while it was starting',
    ],
    [
      'lacks a library',
      false,
      refused,
      ['error while loading shared libraries: libicu.so'],
      'child_failed',
      'ended while it was starting',
    ],
  ])(
    '%s: shows its last lines, and does not advise to remove the data',
    (_, running, refusal, lines, code, text) => {
      const error = explain(running, refusal, ...lines);
      expect(error).toMatchObject({ code, message: expect.stringContaining(text) });
      expect(error.message).not.toContain('npm run reset');
      if (code !== 'port_in_use') for (const line of lines) expect(error.message).toContain(`  | ${line}`);
    },
  );

  it.each([
    [
      'another password',
      true,
      { code: '28P01', message: 'password authentication failed' },
      'LOG:  ready',
      'the superuser has another password',
    ],
    [
      'no control file',
      false,
      refused,
      'but could not open file "/d/global/pg_control": No such file or directory',
      'pg_control',
    ],
    [
      'a broken write-ahead log',
      false,
      refused,
      'PANIC:  could not locate a valid checkpoint record',
      'could not locate a valid checkpoint record.',
    ],
    [
      'files of another version',
      false,
      refused,
      'FATAL:  database files are incompatible with server',
      'database files are incompatible with server.',
    ],
  ])('has %s: advises npm run reset', (_, running, refusal, line, text) => {
    expect(explain(running, refusal, line)).toMatchObject({
      code: 'state_damaged',
      message: expect.stringMatching(/start again: npm run reset Its last lines/),
    });
    expect(explain(running, refusal, line).message).toContain(text);
  });
});
