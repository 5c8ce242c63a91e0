import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAnchor } from '#statements';
import { createTestIssuer, createTestKey } from '#testing';
import { EpochWitness } from './epoch-witness.js';

const issuer = createTestIssuer();
const epoch = (number: number, more = {}) => issuer.statement({ epoch: number, ...more });
const forged = (number: number) => issuer.statement({ epoch: number }, { signWith: createTestKey() });

let folder: string;
let file: string;
const witness = () => new EpochWitness(issuer.issuer, issuer.anchors.map(readAnchor), file);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epoch-witness-'));
  file = join(folder, 'last-statement.jwt');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('EpochWitness', () => {
  it('knows of nothing at first', () => {
    expect(witness().newest()).toBeUndefined();
  });

  it('remembers the newest statement that it heard, in whatever order they came', () => {
    const one = witness();
    expect([2, 5, 3].map((number) => one.hear(epoch(number)))).toEqual([2, 5, 3]);
    expect(one.newest()?.epoch).toBe(5);
  });

  it.each([
    ['a forged one', () => forged(9)],
    ['one of another issuer', () => epoch(9, { iss: 'https://other.test' })],
    ['no statement at all', () => 'not.a.jws'],
    ['an empty text', () => ''],
  ])('does not believe %s, heard or in the file', (_, jws) => {
    const one = witness();
    one.hear(epoch(4));
    expect(one.hear(jws())).toBeUndefined();
    expect(one.newest()?.epoch).toBe(4);
    writeFileSync(file, jws());
    expect(one.newest()?.epoch).toBe(4);
    expect(witness().newest()).toBeUndefined();
  });

  it('believes an expired one: that it was published is what counts', () => {
    const one = witness();
    one.hear(epoch(7, { iat: 1, exp: 2 }));
    expect(one.newest()?.epoch).toBe(7);
  });

  it('keeps a copy that the next process finds, readable by its owner alone', () => {
    const jws = epoch(6);
    witness().keep(jws);
    expect(witness().newest()).toMatchObject({ epoch: 6, jws });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('never replaces the copy by an older one, also if another process wrote it', () => {
    const one = witness();
    one.keep(epoch(3));
    witness().keep(epoch(8));
    one.keep(epoch(5));
    expect(one.newest()?.epoch).toBe(8);
    expect(witness().newest()?.epoch).toBe(8);
  });

  it('replaces a copy that a crash or a hand has spoilt', () => {
    writeFileSync(file, 'half of a state');
    const jws = epoch(2);
    witness().keep(jws);
    expect(readFileSync(file, 'utf8')).toBe(jws);
  });

  it('remembers for its own life where no file is named', () => {
    const one = new EpochWitness(issuer.issuer, issuer.anchors.map(readAnchor), undefined);
    one.keep(epoch(3));
    expect(one.newest()?.epoch).toBe(3);
    expect(readdirSync(folder)).toEqual([]);
  });
});
