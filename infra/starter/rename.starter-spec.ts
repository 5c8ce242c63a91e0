/** Gives a copy of the repository another name, twice, and runs what is there then. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageName, projectRoot, stateFolderOf } from '../project.js';
import { usualTitle } from './project-name.js';
import { RepositoryCopy } from './repository-copy.js';

const stateFolder = stateFolderOf(packageName);
// Put together here, because a name that stands in the repository is refused.
const first = ['q', 'z'].map((letter) => letter.repeat(4)).join('-');
const second = 'v'.repeat(5);
const secondTitle = `The ${'w'.repeat(5)}`;
const picture = 'scenarios/browser-login/page.png';
const logo = (name: string) => `docs/${name}-logo.png`;

let copy: RepositoryCopy;

beforeAll(() => {
  copy = new RepositoryCopy();
  cpSync(join(copy.root, picture), join(copy.root, logo(packageName)));
});
afterAll(() => copy?.remove());

describe('a name that the project cannot have', () => {
  it.each([
    [['Seal'], '"Seal" cannot be the name of the project. Expected: lower-case letters'],
    [['.seal'], '".seal" cannot be the name of the project'],
    [['@own/seal'], '"@own/seal" cannot be the name of the project'],
    [['x'.repeat(41)], 'is too long for the project: 41 characters. Expected: at most 40'],
    [['inspector'], '"inspector" is reserved: it is a module of Node.js'],
    [[packageName], `The project is named ${packageName} already`],
    [['trust'], '"trust" stands in '],
    [['auth'], '"auth" stands in '],
    [
      [second, '--title', 'Orders'],
      ' already. A later rename could not tell it from the name of the project',
    ],
    [[second, '--title', `It's`], `"It's" cannot be the title of the project`],
    [[second, '--title', 'x'.repeat(41)], 'is too long for a title'],
    [[second, 'another'], 'Only one name can be given'],
    [[second, '--colour'], "Unknown option '--colour'"],
    [[], 'The name of the project is missing. Usage: npm run rename'],
  ])('is refused with one line: %j', (args, line) => {
    expect(unchangedAfter(args)).toEqual({
      status: 1,
      stdout: '',
      lines: [expect.stringContaining(line)],
    });
  });

  it('is refused while the state folder has keys that git would no longer ignore', () => {
    mkdirSync(join(copy.root, stateFolder));
    const { lines } = unchangedAfter([first]);
    expect(lines).toEqual([expect.stringContaining('Remove them first: npm run reset')]);
    rmSync(join(copy.root, stateFolder), { recursive: true });
  });

  it('is refused if a package has the name of the project', () => {
    const text = copy.read('package.json');
    write('package.json', text.replace('"pino":', `"${packageName}-client": "1", "pino":`));
    const { lines } = unchangedAfter([first]);
    expect(lines).toEqual([expect.stringContaining(`The package ${packageName}-client has the name`)]);
    write('package.json', text);
  });

  it('is refused if git knows of changes', () => {
    copy.commit();
    write('new-file', '');
    const { lines } = unchangedAfter([first]);
    expect(lines).toEqual([
      expect.stringMatching(/^There are changes that are not committed\. .* use --force\.$/),
    ]);
    rmSync(join(copy.root, 'new-file'));
  });

  it('leaves nothing behind if the files that are made from code cannot be written', () => {
    const text = copy.read('infra/bootstrap.mjs');
    write('infra/bootstrap.mjs', 'process.exit(1);');
    const { lines } = unchangedAfter([first, '--force']);
    expect(lines).toEqual([expect.stringContaining('Everything is as it was before.')]);
    write('infra/bootstrap.mjs', text);
  });

  it('is not the name that everybody tries first', () => {
    const tried = ['ac', 'me'].join('');
    expect(unchangedAfter([tried, '--dry-run'])).toMatchObject({ status: 0, lines: [''] });
  });

  it('is only described by --dry-run', () => {
    const { status, stdout } = unchangedAfter([first, '--dry-run']);
    expect([status, stdout]).toEqual([0, expect.stringContaining(`removed   ${logo(packageName)}\n`)]);
  });
});

describe('a project with another name', () => {
  it('gets it by one command', () => {
    copy.commit();
    const { status, stdout, stderr } = rename(first);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`The project is ${usualTitle(first)} now, and its name in code is ${first}.`);
  });

  it('has the old name nowhere but in the licence', () => {
    expect(occurrences(packageName)).toEqual(
      copy.read('LICENSE').match(written(packageName)) ? ['LICENSE'] : [],
    );
    expect(copy.read('LICENSE')).toBe(readFileSync(join(projectRoot, 'LICENSE'), 'utf8'));
  });

  it('has the new name in sentences, in folders and in package-lock.json, and its pictures are as they were', () => {
    expect(copy.read('README.md')).toMatch(new RegExp(`^# ${usualTitle(first)}\n`));
    expect(copy.read('.gitignore')).toContain(`\n/.${first}/\n`);
    const { name, packages } = JSON.parse(copy.read('package-lock.json'));
    expect([name, packages[''].name]).toEqual([first, first]);
    for (const path of [picture, logo(first)])
      expect(readFileSync(join(copy.root, path)).equals(readFileSync(join(projectRoot, picture)))).toBe(true);
  });

  it('agrees with itself: the types, the format, the packages, and the files that are made from code', () => {
    const checks = ['types', 'format', 'lock-file', 'generated-files'];
    expect(copy.run('dist/infra/checks/run.js', ...checks)).toMatchObject({ status: 0, stderr: '' });
  });

  it('passes specs that depend on names', () => {
    const specs = [
      'apps/auth/src/config',
      'apps/auth/src/sessions/',
      'infra/system/',
      'infra/commands',
      'infra/local/(arguments|state-dir|nats-server-finder)',
      'libs/trust/src/nest/trust.module',
    ];
    const { status, stderr } = copy.run('infra/bootstrap.mjs', 'test', ...specs);
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('FAIL')]);
    expect(stderr).toContain('PASS libs/trust/src/nest/trust.module.e2e-spec.ts');
  });

  it('gets a third one, also outside of git, and nothing of the second one is left', () => {
    rmSync(join(copy.root, '.git'), { recursive: true });
    const { status, stderr } = rename(second, '--title', secondTitle);
    expect([status, stderr]).toEqual([0, '']);
    expect(occurrences(first)).toEqual([]);
    expect(copy.read('README.md')).toMatch(new RegExp(`^# ${secondTitle}\n`));
    expect(copy.run('dist/infra/checks/run.js', 'generated-files', 'lock-file')).toMatchObject({ status: 0 });
  });
});

function rename(...args: string[]) {
  return copy.run('dist/infra/starter/rename.js', ...args);
}

/** Runs the command, and sees that it has changed no file. */
function unchangedAfter(args: string[]) {
  const before = copy.digest();
  const { status, stdout, stderr } = rename(...args);
  expect(copy.digest()).toEqual(before);
  return { status, stdout, lines: stderr.trim().split('\n') };
}

/** The name in any form: its words, together or apart, in upper or lower case. */
function written(name: string): RegExp {
  return new RegExp(name.split('-').join(String.raw`[-_\s]*`), 'i');
}

/** The files whose path or text has this name. The digests in package-lock.json can have any letters. */
function occurrences(name: string): string[] {
  return Object.keys(copy.digest())
    .filter((path) => path !== 'package-lock.json')
    .filter(
      (path) => written(name).test(path) || written(name).test(readFileSync(join(copy.root, path), 'latin1')),
    );
}

function write(path: string, text: string): void {
  writeFileSync(join(copy.root, path), text);
}
