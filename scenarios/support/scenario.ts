/**
 * A scenario is a folder with a README, which a reader can follow by hand on `npm start`, and a spec that does the same
 * on a system of real processes of its own. Each numbered step of the one is a step of the other, word for word.
 *
 *   scenario(import.meta.url, { auth: { COUNTED_SECONDS: '3' } }, (system, step) => {
 *     step('1. Log in', async () => { … });
 *   });
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ScenarioSystem, type ServiceSettings } from './scenario-system.js';

/** Declares a step; the title is the heading in the README, with its number. Steps after one that failed fail too. */
export type Step = (title: string, act: () => Promise<void>) => void;

const startWithinMs = 60_000;
const stepWithinMs = 40_000;

/**
 * Declares the scenario of a folder.
 *
 * @param specUrl `import.meta.url` of the spec
 * @param settings of each service, on top of the generated ones: periods of seconds where production has minutes
 */
export function scenario(
  specUrl: string,
  settings: ServiceSettings,
  tell: (system: ScenarioSystem, step: Step) => void,
): void {
  const folder = dirname(fileURLToPath(specUrl));
  describe(`scenario ${basename(folder)}`, () => {
    const system = new ScenarioSystem(settings);
    const titles: string[] = [];
    let unfinished: string | undefined;

    beforeAll(() => system.start(), startWithinMs);
    afterAll(() => system.stop(), startWithinMs);

    const step: Step = (title, act) => {
      titles.push(title);
      const run = async () => {
        if (unfinished !== undefined) throw new Error(`not reached, because of "${unfinished}"`);
        unfinished = title;
        await act();
        unfinished = undefined;
      };
      it(title, run, stepWithinMs);
    };
    tell(system, step);

    it('does what its README says, step by step', () => {
      expect(titles).toEqual(numberedSteps(readFileSync(join(folder, 'README.md'), 'utf8')));
      expect(titles.map((title) => parseInt(title, 10))).toEqual(titles.map((_, index) => index + 1));
    });
  });
}

/** The numbered headings of a README: `### 3. Rotate under load`. */
function numberedSteps(readme: string): string[] {
  return [...readme.matchAll(/^#+ (\d+\. .+)$/gm)].map(([, title]) => title!);
}
