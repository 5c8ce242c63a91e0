/**
 * Runs the commands of a documentation page, so that a test can compare what comes out with what the page says. A page
 * has its commands in blocks of ```sh. The next block without a language says what comes out. There, `…` stands for any
 * text, and white space does not count: a page may break a long line.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';

/** One block of commands. */
export interface PageStep {
  /** The nearest heading before it. */
  readonly heading: string;
  readonly commands: string;
  /** The block of output after it; undefined if other commands or the end of the page come first. */
  readonly expected: string | undefined;
}

/** Finds the blocks of commands of a page, in their order. */
export function stepsOf(markdown: string): PageStep[] {
  const steps: PageStep[] = [];
  let heading = '';
  for (const [, title, language, content = ''] of markdown.matchAll(
    /^#+ (.+)$|^```(.*)\n([\s\S]*?)^```$/gm,
  )) {
    const last = steps.at(-1);
    if (title !== undefined) heading = title;
    else if (language === 'sh') steps.push({ heading, commands: content, expected: undefined });
    else if (language === '' && last?.expected === undefined && last)
      steps[steps.length - 1] = { ...last, expected: content };
  }
  return steps;
}

/**
 * Runs all blocks one after the other in one shell, as a reader pastes them. Returns what each of them printed, with its
 * error output.
 *
 * @throws Error if they take longer than `timeoutMs`
 */
export async function runSteps(
  steps: readonly Pick<PageStep, 'commands'>[],
  { cwd, timeoutMs }: { cwd: string; timeoutMs: number },
): Promise<string[]> {
  const mark = randomUUID();
  const script = ['exec 2>&1', ...steps.map(({ commands }) => `${commands}\necho ${mark}`)].join('\n');
  const { stdout } = await promisify(execFile)('sh', ['-c', script], { cwd, timeout: timeoutMs });
  return stdout.split(`${mark}\n`).slice(0, steps.length);
}

/** Output without its white space, for {@link patternOf}. */
export const withoutSpace = (output: string): string => output.replace(/\s+/g, '');

/** A pattern for the whole output without its white space. */
export function patternOf(expected: string): RegExp {
  const parts = withoutSpace(expected)
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*?')}$`);
}
