/**
 * `npm run doctor`: says what is unsafe in the settings of a system, and what to do. It reads environments and files, and
 * connects to nothing. The exit code is 0 if nothing is unsafe, 1 if something is, and 2 for a wrong command line.
 */
import { services } from '../system/services.js';
import { requireServiceTable } from '../system/service-table.js';
import { SetupError } from '../system/setup-error.js';
import { readArguments, type DoctorArguments } from './arguments.js';
import type { Environments } from './environments.js';
import { examine } from './examine.js';
import { countOf, describeFindings, describeRules } from './report.js';
import type { ExaminedService } from './rule.js';
import { findingsOf } from './rules.js';

try {
  await requireServiceTable();
  process.exitCode = await main(readArguments(process.argv.slice(2), process.env));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 2;
}

/** Returns the exit code. */
async function main({ environments, accepted, nodeVersion }: DoctorArguments): Promise<number> {
  const given = environments();
  const examined = await examine(services, given);
  const { published } = given;
  const found = findingsOf({ services: examined, published, nodeVersion, today: new Date() });
  const findings = found.filter(({ rule }) => !accepted.includes(rule.id));
  const acceptedFindings = found.filter(({ rule }) => accepted.includes(rule.id));
  const blocks = [
    given.title,
    findings.length === 0 ? describeRules(found) : describeFindings(findings),
    acceptedFindings
      .map(
        ({ rule, service, setting, problem }) =>
          `accepted  ${rule.id}  ${service ?? ''} ${setting}: ${problem}`,
      )
      .join('\n'),
    uncheckedIn(given, examined)
      .map((what) => `not checked: ${what}`)
      .join('\n'),
    findings.length === 0
      ? 'Nothing unsafe was found. docs/going-live.md has what no program can check.'
      : `${countOf(findings)} unsafe. docs/going-live.md has every rule. --accept RULE leaves out what you have decided otherwise.`,
  ];
  console.log(blocks.filter((block) => block !== '').join('\n\n'));
  return findings.length === 0 ? 0 : 1;
}

function uncheckedIn({ filesAreHere }: Environments, examined: readonly ExaminedService[]): string[] {
  const missing = services
    .map(({ name }) => name)
    .filter((name) => !examined.some((service) => service.name === name));
  const withoutGit = examined.some(({ files }) => files.some(({ inGit }) => inGit === undefined));
  return [
    ...(missing.length === 0 ? [] : [`${missing.join(', ')}, because no environment was given`]),
    ...(filesAreHere ? [] : ['the files of keys and passwords, because they are in volumes']),
    ...(withoutGit ? ['whether git has a secret, because there is no git'] : []),
  ];
}
