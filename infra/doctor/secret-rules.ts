/** Rules about secrets, and about what is trusted because of them. */
import { dirname } from 'node:path';
import { namesKeyFiles, type KeyFile } from './key-file.js';
import {
  all,
  eachFile,
  eachValue,
  type Complaint,
  type Deployment,
  type ExaminedService,
  type Rule,
} from './rule.js';

const everyFile = ['*_FILE', '*_FILES'];

export const secretRules: readonly Rule[] = [
  {
    id: 'private-files',
    settings: everyFile,
    safe: 'Only the owner of a secret file can read it, and only the owner of a pin can change it',
    why: 'every other user and process of the machine could read the secret, or pin an anchor',
    remedy: 'chmod 600 FILE, as the user who runs the service',
    check: eachFile(({ kind, mode, path }) => {
      const forbidden = kind === 'secret' ? 0o077 : 0o022;
      if (mode === undefined || (mode & forbidden) === 0) return undefined;
      const can = kind === 'secret' ? 'be read or changed' : 'be changed';
      return `${path} can ${can} by others (mode ${mode.toString(8)})`;
    }),
  },
  {
    id: 'secrets-outside-git',
    settings: everyFile,
    safe: 'No secret is in a repository',
    why: 'everybody who gets the repository gets the secret, also if it is deleted later',
    remedy: 'a new secret in a file outside of the repository',
    check: eachFile(({ kind, inGit, path }) =>
      kind === 'secret' && inGit === true ? `git has ${path}, or would add it` : undefined,
    ),
  },
  {
    id: 'secrets-in-files',
    settings: ['DATABASE_PASSWORD', 'NATS_NKEY_SEED', 'PGPASSWORD'],
    safe: 'No variable holds a secret',
    why: 'the environment of a process is shown by many tools, and child processes get it',
    remedy: 'remove the variable, and make a new secret; name its file in <VARIABLE>_FILE',
    check: secretsInVariables,
  },
  {
    id: 'distinct-secrets',
    settings: everyFile,
    safe: 'Each service has secrets of its own, and each is used for one thing',
    why: 'the thief of one service could act as the other, or as the issuer',
    remedy: 'a new secret for one of the two',
    check: sharedSecrets,
  },
  {
    id: 'strong-secrets',
    settings: everyFile,
    safe: 'No secret can be guessed',
    why: 'it could be found by trying',
    remedy:
      'a new secret, made by a generator: openssl rand -base64 32 for passwords and key-encryption keys',
    check: eachFile(({ path, weakness }) => (weakness === undefined ? undefined : `${path}: ${weakness}`)),
  },
  {
    id: 'one-anchor',
    settings: ['TRUST_ANCHOR_PUBLIC_FILE'],
    safe: 'Every service pins the trust anchors that auth pins, and no other',
    why: 'the holder of a pinned anchor decides which keys are good; without the right pin every token is refused',
    remedy: 'the files that auth has (during an anchor exchange this finding ends when auth has the new pin)',
    check: differentPins,
  },
  {
    id: 'statement-file',
    settings: ['TRUST_STATEMENT_FILE'],
    safe: 'Each service keeps its last statement in a folder of its own',
    why: 'after a restart a service without it accepts older statements and forgets revocations',
    remedy: 'a file in a folder that only the replicas of this service can write',
    check: all(missingStatementFile, sharedStatementFolder),
  },
  {
    id: 'database-roles',
    settings: ['DATABASE_USER', 'DATABASE_NAME'],
    safe: 'Each service has a database and a role of its own, and does not own its tables',
    why: 'the thief of one service could change its tables, or read the rows of another',
    remedy: 'the runtime role of the service. `migrate` alone gets the owner role',
    check: all(
      eachValue<string>('DATABASE_USER', (user) =>
        user === 'postgres' || user.endsWith('_owner') ? `${user} may change tables` : undefined,
      ),
      sharedDatabases,
    ),
  },
  {
    id: 'no-demo-data',
    settings: ['DEMO_DATA'],
    safe: 'The first data has no demo user and no demo products',
    why: 'the demo user is an account that nobody owns',
    remedy: 'DEMO_DATA=false before the first start. Later: disable the account demo@example.com',
    check: ({ services }) =>
      services
        .filter(({ environment }) => environment['DEMO_DATA']?.trim() === 'true')
        .map(({ name }) => ({ service: name, setting: 'DEMO_DATA', problem: 'it is true' })),
  },
];

function secretsInVariables({ services }: Deployment): Complaint[] {
  return services.flatMap(({ name, environment, values, faults }) => {
    const known = [...Object.keys(values), ...faults.map((fault) => fault.split(':', 1)[0]!)];
    const bare = known.filter(namesKeyFiles).map((setting) => setting.replace(/_FILES?$/, ''));
    return [...new Set([...bare, 'PGPASSWORD'])]
      .filter((variable) => (environment[variable] ?? '') !== '')
      .map((variable) => ({ service: name, setting: variable, problem: 'the variable holds a secret' }));
  });
}

/** Each complaint names both places, at the later one. */
function sharedSecrets({ services }: Deployment): Complaint[] {
  const first = new Map<string, { service: ExaminedService; file: KeyFile }>();
  return services.flatMap((service) =>
    service.files.flatMap((file) => {
      if (file.kind === 'public') return [];
      const before = first.get(file.fingerprint);
      first.set(file.fingerprint, before ?? { service, file });
      if (before === undefined) return [];
      const problem = `it is the secret in ${before.file.setting} of ${before.service.name}`;
      return [{ service: service.name, setting: file.setting, problem }];
    }),
  );
}

function differentPins({ services }: Deployment): Complaint[] {
  const setting = 'TRUST_ANCHOR_PUBLIC_FILE';
  const pinsOf = ({ files }: ExaminedService) => files.filter((file) => file.setting === setting);
  const issuer = services.find(({ trust }) => trust === 'issuer');
  const expected = issuer === undefined ? [] : pinsOf(issuer).map(({ fingerprint }) => fingerprint);
  if (expected.length === 0) return [];
  return services.flatMap((service) => {
    const pins = pinsOf(service);
    if (pins.length === 0) return [];
    const foreign = pins.filter(({ fingerprint }) => !expected.includes(fingerprint));
    const isMissing = expected.some((each) => !pins.some(({ fingerprint }) => fingerprint === each));
    const problems = [
      ...foreign.map(({ path }) => `${path} is not an anchor of auth`),
      ...(isMissing ? ['an anchor of auth is missing'] : []),
    ];
    return problems.length === 0 ? [] : [{ service: service.name, setting, problem: problems.join('; ') }];
  });
}

function missingStatementFile({ services }: Deployment): Complaint[] {
  return services
    .filter(({ trust, values }) => trust === 'verifier' && values['TRUST_STATEMENT_FILE'] === undefined)
    .map(({ name }) => ({ service: name, setting: 'TRUST_STATEMENT_FILE', problem: 'it is not set' }));
}

function sharedStatementFolder({ services }: Deployment): Complaint[] {
  const setting = 'TRUST_STATEMENT_FILE';
  const withFile = services.filter(({ values }) => values[setting] !== undefined);
  const folderOf = ({ values }: ExaminedService) => dirname(values[setting] as string);
  // In containers each service may see its own folder under the same path: only files on one machine can be compared.
  return withFile
    .filter(({ files }) => files.length > 0)
    .flatMap((service, index, onThisMachine) => {
      const other = onThisMachine.slice(0, index).find((each) => folderOf(each) === folderOf(service));
      return other === undefined
        ? []
        : [{ service: service.name, setting, problem: `its folder is also that of ${other.name}` }];
    });
}

function sharedDatabases({ services }: Deployment): Complaint[] {
  return ['DATABASE_NAME', 'DATABASE_USER'].flatMap((setting) =>
    services.flatMap(({ name, values }, index) => {
      const other = services.slice(0, index).find((each) => each.values[setting] === values[setting]);
      if (other === undefined || values[setting] === undefined) return [];
      return [{ service: name, setting, problem: `it is the same as at ${other.name}` }];
    }),
  );
}
