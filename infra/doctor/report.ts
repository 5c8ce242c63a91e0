/** What doctor prints. It gets findings only, and they name no secret. */
import { printable } from '../printable.js';
import { rules, type Finding } from './rules.js';

/** Findings of the same rule with the same words, at several services. */
interface Group extends Finding {
  readonly services: string[];
}

/** A block for each finding: the rule, the services, what is wrong, why, and what to set. */
export function describeFindings(findings: readonly Finding[]): string {
  return grouped(findings)
    .map(({ rule, services, setting, problem }) =>
      [
        `UNSAFE  ${rule.id}${services.length === 0 ? '' : `  (${services.join(', ')})`}`,
        `        ${setting}: ${printable(problem)}`,
        `        why: ${rule.why}`,
        `        set: ${rule.remedy}`,
      ].join('\n'),
    )
    .join('\n\n');
}

/** A line for each rule that holds. */
export function describeRules(broken: readonly Finding[]): string {
  return rules
    .filter((rule) => !broken.some((finding) => finding.rule === rule))
    .map(({ id, safe }) => `ok      ${id.padEnd(26)} ${safe}`)
    .join('\n');
}

export function countOf(findings: readonly Finding[]): number {
  return grouped(findings).length;
}

function grouped(findings: readonly Finding[]): Group[] {
  const groups = new Map<string, Group>();
  for (const finding of findings) {
    const key = [finding.rule.id, finding.setting, finding.problem].join('\n');
    const group = groups.get(key) ?? { ...finding, services: [] };
    if (finding.service !== undefined) group.services.push(finding.service);
    groups.set(key, group);
  }
  return [...groups.values()];
}
