import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey } from '#testing';
import { ProvenStatement } from './proven-statement.js';

const issuer = createTestIssuer();
const epoch = (number: number, more = {}) => issuer.statement({ epoch: number, ...more });
const forged = (number: number) => issuer.statement({ epoch: number }, { signWith: createTestKey() });

let folder: string;
let file: string;
const anchors = issuer.anchors.map(readAnchor);
const proven = (isWriter = true) => new ProvenStatement(issuer.issuer, anchors, { file, isWriter });
/** What a new process knows. */
async function afterRestart() {
  const one = proven();
  await one.readCopy();
  return one;
}

// What is told is read from `fault`.
Logger.overrideLogger(false);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'proven-statement-'));
  file = join(folder, 'last-statement.jwt');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('ProvenStatement', () => {
  it('knows of nothing at first, and that is no fault', async () => {
    const one = await afterRestart();
    expect(one.newest()).toBeUndefined();
    expect(one.fault).toBeUndefined();
  });

  it('remembers the newest statement that it heard, in whatever order they came', () => {
    const one = proven();
    expect([2, 5, 3].map((number) => one.take(epoch(number)))).toEqual([2, 5, 3]);
    expect(one.newest()?.epoch).toBe(5);
  });

  it.each([
    ['a forged one', () => forged(9)],
    ['one of another issuer', () => epoch(9, { iss: 'https://other.test' })],
    ['no statement at all', () => 'not.a.jws'],
    ['an empty text', () => ''],
  ])('does not believe %s, heard or in the file', async (_, jws) => {
    const one = proven();
    one.take(epoch(4));
    expect(one.take(jws())).toBeUndefined();
    expect(one.newest()?.epoch).toBe(4);
    writeFileSync(file, jws());
    await one.readCopy();
    expect(one.newest()?.epoch).toBe(4);
    expect((await afterRestart()).newest()).toBeUndefined();
  });

  it('believes an expired one: that it was published is what counts', () => {
    const one = proven();
    one.take(epoch(7, { iat: 1, exp: 2 }));
    expect(one.newest()?.epoch).toBe(7);
  });

  it('keeps a copy that the next process finds, readable by its owner alone', async () => {
    const jws = epoch(6);
    await proven().save(jws);
    expect((await afterRestart()).newest()).toMatchObject({ epoch: 6, jws });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('never replaces the copy by an older one, also if another process wrote it', async () => {
    const one = proven();
    await one.save(epoch(3));
    await proven().save(epoch(8));
    await one.save(epoch(5));
    expect(one.newest()?.epoch).toBe(8);
    expect((await afterRestart()).newest()?.epoch).toBe(8);
  });

  it('reads the copy when it is told to look, and not whenever it is asked, as every login does', async () => {
    const one = proven();
    await one.save(epoch(3));
    await proven().save(epoch(8));
    expect(one.newest()?.epoch).toBe(3);
    await one.readCopy();
    expect(one.newest()?.epoch).toBe(8);
  });

  it('keeps the newest of many that come at once', async () => {
    const one = proven();
    await Promise.all([1, 2, 3, 4, 5].map((number) => one.save(epoch(number))));
    expect((await afterRestart()).newest()?.epoch).toBe(5);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('replaces a copy that a crash or a hand has spoilt', async () => {
    writeFileSync(file, 'half of a state');
    const one = await afterRestart();
    expect(one.fault).toBe('the statement copy cannot be read: it holds no statement of this issuer');
    const jws = epoch(2);
    await one.save(jws);
    expect(readFileSync(file, 'utf8')).toBe(jws);
    expect(one.fault).toBeUndefined();
  });

  it('goes on without a copy that cannot be read or replaced, tells it once, and leaves nothing behind', async () => {
    const told = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    try {
      // Nobody can read a folder as a file, not even root, as which tests may run.
      mkdirSync(file);
      const one = proven();
      for (const number of [1, 2, 3]) {
        await one.readCopy();
        await one.save(epoch(number));
      }
      expect(one.newest()?.epoch).toBe(3);
      expect(one.fault).toBe('the statement copy cannot be read: EISDIR');
      expect(told).toHaveBeenCalledTimes(1);
      expect(readdirSync(folder)).toHaveLength(1);
      rmdirSync(file);
      await one.save(epoch(4));
      expect(one.fault).toBeUndefined();
      expect((await afterRestart()).newest()?.epoch).toBe(4);
    } finally {
      told.mockRestore();
    }
  });

  it('of a command reads the copy and never writes it', async () => {
    await proven().save(epoch(3));
    const command = proven(false);
    await command.readCopy();
    await command.save(epoch(4));
    expect(command.newest()?.epoch).toBe(4);
    expect((await afterRestart()).newest()?.epoch).toBe(3);
  });

  it('remembers for its own life where no file is named', async () => {
    const one = new ProvenStatement(issuer.issuer, anchors, { isWriter: true });
    await one.save(epoch(3));
    expect(one.newest()?.epoch).toBe(3);
    expect(one.fault).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });
});
