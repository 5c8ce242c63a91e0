import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '#testing';
import { followFile, logFormat } from './service-logs.js';

const entry = JSON.stringify({
  level: 'info',
  time: '2026-01-01T00:00:00.000Z',
  service: 'orders',
  event: 'started',
  msg: 'listening',
});

describe('the logs of the services on a terminal', () => {
  it('an entry is one line that begins with the service, without colours', () => {
    const format = logFormat(['orders', 'inventory'], false);
    expect(format('orders', entry)).toMatch(
      /^orders {4}\| \[\d\d:\d\d:00\.000\] INFO: listening \{"event":"started"\}$/,
    );
  });

  it('has colours if they are wanted', () => {
    expect(logFormat(['orders'], true)('orders', entry)).toContain('\u001b[36morders');
  });

  it('text that is no JSON stays as it is, and each of its lines begins with the service', () => {
    expect(logFormat(['auth'], false)('auth', 'Error: broken\n  at x')).toBe(
      'auth | Error: broken\nauth |   at x',
    );
  });
});

describe('following a file', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'test-follow-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('passes on whole lines that are added, and none that was there before', async () => {
    const file = join(dir, 'log');
    writeFileSync(file, 'old\n');
    const lines: string[] = [];
    const stop = followFile(file, (line) => lines.push(line));
    const euro = Buffer.from('€');
    appendFileSync(file, Buffer.concat([Buffer.from('one\ntwo '), euro.subarray(0, 1)]));
    await eventually(() => lines.length === 1);
    appendFileSync(file, Buffer.concat([euro.subarray(1), Buffer.from('\n')]));
    await eventually(() => lines.length === 2);
    appendFileSync(file, 'last\n');
    stop();
    expect(lines).toEqual(['one', 'two €', 'last']);
  });

  it('waits for a file that does not exist yet', async () => {
    const file = join(dir, 'later');
    const lines: string[] = [];
    const stop = followFile(file, (line) => lines.push(line));
    writeFileSync(file, 'first\n');
    await eventually(() => lines.length === 1);
    stop();
    expect(lines).toEqual(['first']);
  });
});
