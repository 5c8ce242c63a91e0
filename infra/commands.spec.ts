import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { commands, typed } from './commands.mjs';
import { projectRoot, readManifest } from './project.js';

const explained = Object.values(commands).flatMap((scripts) => Object.entries(scripts));
const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { cwd: projectRoot, encoding: 'utf8', timeout: 30_000 });

describe('the commands of package.json', () => {
  // `//` is no command: npm run without an argument shows it, as a hint.
  it('are explained, each once, and nothing else is', () => {
    const scripts = Object.keys(readManifest().scripts).filter((name) => name !== '//');
    expect(explained.map(([name]) => name).sort()).toEqual(scripts.sort());
  });

  it.each(explained)('%s has one line that fits a terminal', (name, text) => {
    expect(text).toMatch(/^[^\n|]+[^.\n|]$/);
    expect(typed(name).length + text.length).toBeLessThan(120);
  });

  it('are all in the help, with their explanations', () => {
    const lines = run(process.execPath, join('infra', 'help.mjs')).split('\n');
    for (const [name, text] of explained)
      expect(
        lines.filter((line) => line.startsWith(`  ${typed(name)} `) && line.endsWith(` ${text}`)),
      ).toHaveLength(1);
  });

  it('npm run without an argument names the help first', () => {
    const [, list = ''] = run('npm', 'run').split('available via');
    expect(list.split('\n').slice(1, 3)).toEqual(['  //', '    npm run help explains each command']);
  });
});
