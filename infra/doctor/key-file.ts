/** What doctor must know about the files that settings name. It keeps no content: a secret cannot get into a report. */
import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fromSeed } from '@nats-io/nkeys';

export interface KeyFile {
  /** The variable that names the file. */
  readonly setting: string;
  readonly path: string;
  readonly kind: 'secret' | 'public';
  /** The rights of group and others, as in `chmod`. Undefined where files have none (Windows). */
  readonly mode?: number;
  /** True if git has the file, or would add it. Undefined if there is no git. */
  readonly inGit?: boolean;
  /** The same for the two halves of a key pair, and for the same secret in two files. */
  readonly fingerprint: string;
  /** Why the secret can be guessed. Undefined if nothing was found. */
  readonly weakness?: string;
}

const publicSettings = ['TRUST_ANCHOR_PUBLIC_FILE', 'TOKEN_ENCRYPTION_KEYS_FILE'];
/** These are written by the service. What is in them is public, and signed by the trust anchor. */
const writtenSettings = ['TRUST_STATEMENT_FILE', 'STATEMENT_COPY_FILE'];
const leastPasswordLength = 16;
const leastRsaBits = 2048;
/** 32 random bytes have about 30 different values. Fewer than this never happens by chance. */
const leastDifferentBytes = 16;
const leastDifferentCharacters = 8;
const gitTimeoutMs = 5_000;

/** True if the variable names files with keys or passwords. A new setting that ends in `_FILE` counts as a secret. */
export function namesKeyFiles(setting: string): boolean {
  return /_FILES?$/.test(setting) && !writtenSettings.includes(setting);
}

/** Reads the facts about each file of a setting. A file that cannot be read is left out: the setting is not valid. */
export function keyFiles(setting: string, paths: string): KeyFile[] {
  return paths
    .split(',')
    .map((path) => path.trim())
    .filter((path) => path !== '')
    .flatMap((path) => {
      try {
        return [keyFile(setting, path)];
      } catch {
        return [];
      }
    });
}

function keyFile(setting: string, path: string): KeyFile {
  const content = readFileSync(path, 'utf8').trim();
  const inGit = isInGit(path);
  const weakness = weaknessOf(setting, content);
  return {
    setting,
    path,
    kind: publicSettings.includes(setting) ? 'public' : 'secret',
    ...(process.platform !== 'win32' && { mode: statSync(path).mode & 0o777 }),
    ...(inGit !== undefined && { inGit }),
    fingerprint: fingerprintOf(content),
    ...(weakness !== undefined && { weakness }),
  };
}

/** Why the secret of this setting can be guessed. The text says nothing about the content but a length. */
export function weaknessOf(setting: string, content: string): string | undefined {
  if (setting === 'KEY_ENCRYPTION_KEY_FILES')
    return new Set(Buffer.from(content, 'base64')).size < leastDifferentBytes
      ? 'its bytes are not random'
      : undefined;
  if (setting === 'NATS_NKEY_SEED_FILE')
    return isUserSeed(content) ? undefined : 'it is no nkey seed of a user';
  if (/PASSWORD_FILE$/.test(setting)) {
    if (content.length < leastPasswordLength)
      return `it has ${content.length} characters, and should have ${leastPasswordLength}`;
    return new Set(content).size < leastDifferentCharacters ? 'it repeats few characters' : undefined;
  }
  const details = publicKeyOf(content)?.asymmetricKeyDetails;
  const bits = details?.modulusLength;
  return bits !== undefined && bits < leastRsaBits
    ? `it is an RSA key of ${bits} bits, and should have ${leastRsaBits}`
    : undefined;
}

/** A digest of the public half, if the content is a key, or of the content. */
export function fingerprintOf(content: string): string {
  const key = publicKeyOf(content);
  return createHash('sha256')
    .update(key === undefined ? content : key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

function publicKeyOf(content: string): KeyObject | undefined {
  try {
    return content.startsWith('{')
      ? createPublicKey({ key: JSON.parse(content) as JsonWebKey, format: 'jwk' })
      : createPublicKey(content);
  } catch {
    return undefined; // it is no key
  }
}

function isUserSeed(content: string): boolean {
  try {
    return fromSeed(new TextEncoder().encode(content)).getPublicKey().startsWith('U');
  } catch {
    return false;
  }
}

/** Asks git for the file: one that it has, or one that `git add .` would add. */
function isInGit(path: string): boolean | undefined {
  const file = realpathSync(path);
  // A repository can name a program for git to run.
  const safe = ['-c', 'core.fsmonitor=false', '--literal-pathspecs'];
  const args = [...safe, 'ls-files', '--cached', '--others', '--exclude-standard', '--', basename(file)];
  const { error, status, stdout, stderr } = spawnSync('git', args, {
    cwd: dirname(file),
    encoding: 'utf8',
    timeout: gitTimeoutMs,
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (error) return undefined;
  if (status === 0) return stdout !== '';
  // Otherwise there is a repository, and git does not look into it: it belongs to somebody else.
  return stderr.includes('not a git repository') ? false : undefined;
}
