/** Runs every command of docs/jwt.md on a real system, in the order of the page. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePortBase } from '#testing';
import { removePostgresData } from '../local/postgres-home.js';
import { startSystem, type RunningSystem } from '../local/system.js';
import { projectRoot } from '../project.js';
import { portClaims } from '../system/services.js';
import { patternOf, runSteps, stepsOf, withoutSpace } from './page-commands.js';

const page = readFileSync(join(projectRoot, 'docs/jwt.md'), 'utf8');
const steps = stepsOf(page);
let stateDir: string;
let system: RunningSystem;
let outputs: string[];

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'test-page-'));
  const portBase = await freePortBase(portClaims(0).map(({ port }) => port));
  system = await startSystem({ stateDir, portBase, durable: false });
  const here = steps.map(({ commands }) => ({ commands: onThisSystem(commands, portBase) }));
  const printed = await runSteps(here, { cwd: projectRoot, timeoutMs: 90_000 });
  outputs = printed.map((output) => onThePage(output, portBase));
}, 180_000);

afterAll(async () => {
  await system?.stop();
  removePostgresData(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}, 60_000);

describe('docs/jwt.md', () => {
  it('judges each statement of the introductions, and shows it with a command', () => {
    const statements = page.split(/^#{2,3} /m).filter((section) => section.startsWith('Sentences about'));
    const judged = statements.flatMap((section) => section.split(/^#### /m).slice(1));
    expect(judged.length).toBeGreaterThan(20);
    for (const statement of judged)
      expect(statement).toMatch(/^.+\n\n\*\*(True|Half true|False)\.\*\* [\s\S]+^```sh$/m);
  });

  it.each(steps.map((step, index) => ({ ...step, index })))(
    'says what its commands print: $heading ($index)',
    ({ expected, index }) => {
      expect(expected?.replace(/[…\s]/g, '').length ?? 0).toBeGreaterThan(0);
      expect(withoutSpace(outputs[index]!)).toMatch(patternOf(expected!));
    },
  );
});

const byHand = '. scenarios/support/by-hand.sh';

/** The page uses the ports and the state folder of `npm start`. */
function onThisSystem(commands: string, portBase: number): string {
  return commands
    .replace(byHand, `PORT_BASE=${portBase} STATE_DIR=${stateDir}\n${byHand}`)
    .replace(/localhost:30(\d\d)\b/g, (_, offset: string) => `localhost:${portBase + Number(offset)}`)
    .replaceAll('.signet', stateDir);
}

function onThePage(output: string, portBase: number): string {
  return output
    .replace(/localhost:(\d+)/g, (_, port: string) => `localhost:${3000 + Number(port) - portBase}`)
    .replaceAll(stateDir, '.signet');
}
