/** The table of rules. docs/going-live.md is made from it. */
import { addressRules } from './address-rules.js';
import { limitRules } from './limit-rules.js';
import { processRules } from './process-rules.js';
import type { Complaint, Deployment, Rule } from './rule.js';
import { secretRules } from './secret-rules.js';

/** The rules by the headings of the page. */
export const ruleGroups: Readonly<Record<string, readonly Rule[]>> = {
  Processes: processRules,
  Addresses: addressRules,
  Secrets: secretRules,
  'Lifetimes, rates and sizes': limitRules,
};

export const rules: readonly Rule[] = Object.values(ruleGroups).flat();

/** A complaint, with the rule that made it. */
export interface Finding extends Complaint {
  readonly rule: Rule;
}

/** Applies every rule. */
export function findingsOf(deployment: Deployment): Finding[] {
  return rules.flatMap((rule) => rule.check(deployment).map((complaint) => ({ ...complaint, rule })));
}
