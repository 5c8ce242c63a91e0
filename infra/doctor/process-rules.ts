/** Rules about the processes themselves. */
import type { Complaint, Deployment, Rule } from './rule.js';

/** The end of life of each line of Node with long-term support (nodejs/Release). The latest line is not listed before its end is known. */
const nodeEndOfLife: Readonly<Record<number, string>> = {
  20: '2026-04-30',
  22: '2027-04-30',
  24: '2028-04-30',
  26: '2029-04-30',
};

export const processRules: readonly Rule[] = [
  {
    id: 'valid-settings',
    settings: ['every setting'],
    safe: 'Every setting is accepted by its service in production mode',
    why: 'the service does not start with it',
    remedy: 'what stands after "Expected"',
    check: ({ services }) =>
      services.flatMap(({ name, faults }) =>
        faults.map((fault) => {
          const [, setting = '', problem = fault] = /^([A-Z_]+): (.*)$/s.exec(fault) ?? [];
          return { service: name, setting, problem };
        }),
      ),
  },
  {
    id: 'production-mode',
    settings: ['NODE_ENV'],
    safe: 'NODE_ENV is `production`, or not set',
    why: 'in another mode a service accepts http, and defaults that are only good for development',
    remedy: 'NODE_ENV=production',
    check: eachVariable('NODE_ENV', (mode) => (mode === 'production' ? undefined : `it is ${mode}`)),
  },
  {
    id: 'no-inspector',
    settings: ['NODE_OPTIONS'],
    safe: 'No process opens an inspector',
    why: 'whoever reaches an inspector runs code in the service',
    remedy: 'NODE_OPTIONS without --inspect',
    check: eachVariable('NODE_OPTIONS', (options) =>
      options.includes('--inspect') ? 'it opens an inspector' : undefined,
    ),
  },
  {
    id: 'certificates-checked',
    settings: ['NODE_TLS_REJECT_UNAUTHORIZED'],
    safe: 'Certificates of other servers are checked',
    why: 'TLS without it protects against nobody who can change the connection',
    remedy: 'remove the variable. For a certificate authority of your own: NODE_EXTRA_CA_CERTS',
    check: eachVariable('NODE_TLS_REJECT_UNAUTHORIZED', (value) =>
      value === '0' ? 'certificates are not checked' : undefined,
    ),
  },
  {
    id: 'node-version',
    settings: ['--node'],
    safe: 'Node gets security fixes',
    why: 'flaws of Node itself are not mended any more',
    remedy: 'the version in .nvmrc (with --node VERSION, doctor judges the Node of another machine)',
    check: unsupportedNode,
  },
];

function eachVariable(variable: string, wrong: (value: string) => string | undefined): Rule['check'] {
  return ({ services }) =>
    services.flatMap(({ name, environment }): Complaint[] => {
      const value = environment[variable]?.trim() ?? '';
      const problem = value === '' ? undefined : wrong(value);
      return problem === undefined ? [] : [{ service: name, setting: variable, problem }];
    });
}

function unsupportedNode({ nodeVersion, today }: Deployment): Complaint[] {
  const major = Number(nodeVersion.split('.', 1)[0]);
  const end = nodeEndOfLife[major];
  const setting = 'Node';
  if (end === undefined)
    return major > Math.max(...Object.keys(nodeEndOfLife).map(Number))
      ? []
      : [{ setting, problem: `${nodeVersion} has no long-term support` }];
  return today > new Date(end) ? [{ setting, problem: `${nodeVersion} has had no fixes since ${end}` }] : [];
}
