/**
 * The whole run, without measurements. In a process of its own, because jwks-rsa is CommonJS and requires ES modules, which
 * jest cannot do on the oldest Node that we support.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot, readProjectFile } from '../../infra/project.js';

const program = join(projectRoot, 'dist/bench/conformance/run.js');
const libraries = ['jose', 'passport-jwt', 'aws-jwt-verify', 'fast-jwt', 'express-oauth2-jwt-bearer'];
let page: string;
/** What was printed about each server. */
let printed: Record<string, string>;

beforeAll(async () => {
  page = readProjectFile('docs/conformance.md');
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--quick'], { timeout: 100_000 });
  const sections = stdout.split(/^# /m).slice(1);
  printed = Object.fromEntries(sections.map((text) => [text.slice(0, text.indexOf('\n')), text]));
}, 110_000);

it("tests each library, and Signet's own verifier", () => {
  expect(Object.keys(printed)).toEqual(['signet', ...libraries]);
  expect(readProjectFile('docs/conformance.md')).toBe(page);
});

describe.each(['signet', ...libraries])('the server of %s', (name) => {
  it.each<[string, string]>([
    ['lets a good token in', 'a good token'],
    ['still does after all others', 'a good token, after all others'],
    ['refuses a request without a token', 'no token'],
    ['refuses a forged token', 'a signature by another key, under a known kid'],
    ['refuses a token for another audience', 'aud of another service'],
  ])('%s', (_what, row) => {
    const line = printed[name]!.split('\n').find((each) => each.startsWith(`${row}  `));
    expect(line).toMatch(/ pass$/);
  });
});

it('finds nothing to note in Signet', () => {
  expect(printed['signet']).toMatch(/\d+ passed, 0 noted, 0 failed\./);
});
