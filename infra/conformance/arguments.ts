import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { TestAlg } from '../../libs/testing/src/package.js';
import { readArguments as read } from '../run-command.js';

/** How a resource server is tested. Durations are in milliseconds. */
export interface TargetOptions {
  readonly target: URL;
  /** The `aud` of the tokens that the target accepts. */
  readonly audience: string;
  /** The `scope` of the good tokens. Undefined: the target asks for none. */
  readonly scope?: string | undefined;
  readonly alg: TestAlg;
  /** Where the issuer listens. */
  readonly host: string;
  readonly port: number;
  /** The URL of the issuer as the target sees it. Undefined: its address on this machine. */
  readonly issuerUrl?: string | undefined;
  /** Whether the target claims RFC 9068, so that its rules are failures and not notes. */
  readonly rfc9068: boolean;
  /** Where the trust anchor is written, for targets that verify statements. */
  readonly anchorFile: string;
  /** How long the target may take until it accepts a good token. */
  readonly waitMs: number;
  /** How long one request may take. */
  readonly timeoutMs: number;
  /** How long each measurement waits for a change. 0 leaves the measurements out. */
  readonly measureMs: number;
  /** How many tokens with unknown key ids are sent at once. */
  readonly flood: number;
}

/** How an issuer is examined. Durations are in milliseconds. */
export interface IssuerOptions {
  /** The exact text that verifiers compare with `iss`. */
  readonly issuer: string;
  /** Where its key set is. Undefined: where its metadata say, if that is the same origin. */
  readonly jwksUri?: string | undefined;
  readonly timeoutMs: number;
  /** How long its key set is watched. 0: not at all. */
  readonly watchMs: number;
  /** A shell command that prints a new token of the issuer. Undefined: no tokens are compared with the key set. */
  readonly tokenCommand?: string | undefined;
}

/** Where the report is written, and what is tested. */
export interface ConformanceArguments {
  readonly json?: string | undefined;
  readonly junit?: string | undefined;
  readonly tested: { readonly target: TargetOptions } | { readonly issuer: IssuerOptions };
}

const algs: readonly string[] = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512'] satisfies TestAlg[];
const usage = `npm run conformance -- --target URL --audience NAME [--scope SCOPE] [--alg ALG] [--rfc9068] [--port PORT]
  [--host ADDRESS] [--issuer-url URL] [--write-anchor FILE] [--wait SECONDS] [--timeout SECONDS] [--measure SECONDS] [--flood COUNT]
  [--json FILE] [--junit FILE]
or: npm run conformance -- --issuer URL [--jwks-uri URL] [--watch SECONDS [--token-command COMMAND]]
  [--timeout SECONDS] [--json FILE] [--junit FILE]`;
const options = {
  target: { type: 'string' },
  audience: { type: 'string' },
  scope: { type: 'string' },
  alg: { type: 'string', default: 'RS256' },
  rfc9068: { type: 'boolean', default: false },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '4599' },
  'issuer-url': { type: 'string' },
  'write-anchor': { type: 'string', default: 'dist/conformance/anchor.pem' },
  wait: { type: 'string', default: '60' },
  timeout: { type: 'string', default: '5' },
  measure: { type: 'string', default: '40' },
  flood: { type: 'string', default: '100' },
  issuer: { type: 'string' },
  'jwks-uri': { type: 'string' },
  watch: { type: 'string', default: '0' },
  'token-command': { type: 'string' },
  json: { type: 'string' },
  junit: { type: 'string' },
} as const;
type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

/** @throws SetupError `bad_argument` */
export function readArguments(given: string[]): ConformanceArguments {
  return read(usage, () => {
    const { values } = parseArgs({ args: given, options });
    const { target, issuer, json, junit } = values;
    if ((target === undefined) === (issuer === undefined))
      throw new Error('Name either --target or --issuer');
    return {
      json: json && resolve(json),
      junit: junit && resolve(junit),
      tested:
        issuer === undefined ? { target: targetOptions(values) } : { issuer: issuerOptions(issuer, values) },
    };
  });
}

function targetOptions({ audience, scope, alg, rfc9068, host, ...values }: Values): TargetOptions {
  if (audience === undefined || audience === '') throw new Error('--audience is missing');
  if (!algs.includes(alg)) throw new Error(`--alg not allowed: ${alg}. Expected: ${algs.join(', ')}`);
  return {
    target: httpUrl('--target', values.target),
    audience,
    scope,
    alg: alg as TestAlg,
    rfc9068,
    host,
    port: whole('--port', values.port, 1, 65_535),
    issuerUrl: values['issuer-url'] && withoutSlash(httpUrl('--issuer-url', values['issuer-url'])),
    anchorFile: resolve(values['write-anchor']),
    waitMs: 1_000 * whole('--wait', values.wait, 1, 3_600),
    timeoutMs: 1_000 * whole('--timeout', values.timeout, 1, 600),
    measureMs: 1_000 * whole('--measure', values.measure, 0, 3_600),
    flood: whole('--flood', values.flood, 1, 100_000),
  };
}

function issuerOptions(issuer: string, values: Values): IssuerOptions {
  httpUrl('--issuer', issuer);
  const tokenCommand = values['token-command'];
  const watchMs = 1_000 * whole('--watch', values.watch, 0, 86_400);
  if (tokenCommand !== undefined && watchMs === 0) throw new Error('--token-command needs --watch');
  return {
    issuer,
    jwksUri: values['jwks-uri'] && httpUrl('--jwks-uri', values['jwks-uri']).href,
    timeoutMs: 1_000 * whole('--timeout', values.timeout, 1, 600),
    watchMs,
    tokenCommand,
  };
}

function httpUrl(name: string, text: string | undefined): URL {
  if (text === undefined) throw new Error(`${name} is missing`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.hash !== '')
    throw new Error(`${name} not allowed: ${text}. Expected: a URL with http or https`);
  return url;
}

function withoutSlash({ href }: URL): string {
  return href.replace(/\/+$/, '');
}

function whole(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= high) return value;
  throw new Error(`${name} not allowed: ${text}. Expected: ${low} to ${high}`);
}
