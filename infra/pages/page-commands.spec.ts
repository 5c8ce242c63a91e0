import { describe, expect, it } from '@jest/globals';
import { tmpdir } from 'node:os';
import { patternOf, runSteps, stepsOf, withoutSpace } from './page-commands.js';

const page = `
# Page
\`\`\`sh
NAME=you
\`\`\`
## Greet
\`\`\`sh
echo hello $NAME
\`\`\`

Text.

\`\`\`
hello …
\`\`\`
\`\`\`jsonc
{}
\`\`\`
\`\`\`
more
\`\`\`
`;

const fits = (expected: string, output: string) => patternOf(expected).test(withoutSpace(output));

describe('the commands of a page', () => {
  it('are its blocks of sh, each with the output that follows it', () => {
    expect(stepsOf(page)).toEqual([
      { heading: 'Page', commands: 'NAME=you\n', expected: undefined },
      { heading: 'Greet', commands: 'echo hello $NAME\n', expected: 'hello …\n' },
    ]);
  });

  it('run in one shell, and show their errors too', async () => {
    const steps = [...stepsOf(page), { commands: 'echo lost >&2; false' }, { commands: 'printf on' }];
    expect(await runSteps(steps, { cwd: tmpdir(), timeoutMs: 10_000 })).toEqual([
      '',
      'hello you\n',
      'lost\n',
      'on',
    ]);
  });

  it('do not run for ever', async () => {
    const endless = runSteps([{ commands: 'sleep 60' }], { cwd: tmpdir(), timeoutMs: 100 });
    await expect(endless).rejects.toMatchObject({ killed: true });
  });
});

describe('the output that a page expects', () => {
  it.each([
    ['{"a":1}', '{"a":1}\n', true],
    ['{"a":1,\n "b":2}', '{"a":1,"b":2}', true],
    ['{"a":…}', '{"a":"any.thing"}', true],
    ['401', '401 more', false],
    ['401', '4012', false],
    ['a.c', 'abc', false],
    ['…false', 'true', false],
  ])('%j and %j', (expected, output, same) => {
    expect(fits(expected, output)).toBe(same);
  });
});
