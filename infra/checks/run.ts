/**
 * `npm run check:static [-- NAME...]`: runs all checks, or the named ones. A failed check does not stop the others. The
 * report has a line for each check, then the faults, then a summary. The exit code is 1 if a check has failed.
 */
import pLimit from 'p-limit';
import { toolCheck, type Check } from './check.js';
import { dependencyReasons } from './dependency-reasons.js';
import { generatedFiles } from './generated-files.js';
import { licences } from './licences.js';
import { lockFile } from './lock-file.js';
import { migrations } from './migrations.js';

/** Two checks run at the same time, so the slow ones come first. */
const checks: Check[] = [
  toolCheck('lint', 'For some of it: npx eslint . --fix', 'eslint/bin/eslint.js', [
    '.',
    '--max-warnings',
    '0',
  ]),
  toolCheck('types', 'npx tsc -p tsconfig.json', 'typescript/bin/tsc', ['-p', 'tsconfig.json']),
  toolCheck('types-of-the-page', 'npx tsc -p scenarios/browser-login/page', 'typescript/bin/tsc', [
    '-p',
    'scenarios/browser-login/page',
  ]),
  toolCheck('format', 'npm run format', 'prettier/bin/prettier.cjs', ['--check', '.']),
  migrations,
  toolCheck(
    'boundaries',
    'See each rule and its reason in .dependency-cruiser.mjs',
    'dependency-cruiser/bin/dependency-cruise.mjs',
    ['--output-type', 'err-long', 'apps', 'libs', 'infra', 'scenarios', 'bench'],
  ),
  lockFile,
  licences,
  dependencyReasons,
  generatedFiles,
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  const names = checks.map(({ name }) => name).join(', ');
  console.error(`There is no check named ${unknown.join(', ')}. The checks are: ${names}`);
  process.exit(1);
}

const begun = Date.now();
const chosen = wanted.length === 0 ? checks : checks.filter(({ name }) => wanted.includes(name));
const outcomes = await pLimit(2).map(chosen, report);
const failed = outcomes.filter(({ faults }) => faults.length > 0);
for (const { check, faults } of failed) {
  console.error(`\n${check.name} failed:\n${faults.join('\n')}\n-> ${check.remedy}`);
}
const verdict =
  failed.length === 0
    ? `${chosen.length} static checks passed`
    : `Static checks failed: ${failed.map(({ check }) => check.name).join(', ')}`;
console.log(`\n${verdict} (${seconds(begun)} s)`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function report(check: Check): Promise<{ check: Check; faults: string[] }> {
  const started = Date.now();
  const faults = await Promise.resolve()
    .then(() => check.run())
    .catch((error: unknown) => [String(error)]);
  console.log(`${faults.length === 0 ? 'ok    ' : 'FAILED'} ${check.name.padEnd(18)} ${seconds(started)} s`);
  return { check, faults };
}

function seconds(since: number): string {
  return ((Date.now() - since) / 1000).toFixed(1).padStart(5);
}
