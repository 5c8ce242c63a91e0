/** Compares the tokens of an issuer with its key set, while this is watched. Pure: it runs and fetches nothing. */
import { printable } from '../printable.js';
import type { Result } from './verdict.js';

/** What counts of a token: which key signed it, and when it ends (NumericDate). */
export interface SeenToken {
  readonly kid: string;
  readonly exp: number;
}

const ROTATION = 'OIDC Core §10.1.1';

export class TokenWatch {
  /** When the last token of each key ends. */
  private readonly ends = new Map<string, number>();
  private readonly early = new Set<string>();
  private readonly missing = new Set<string>();
  private tokens = 0;
  private failed = 0;

  /**
   * Notes one look at the issuer.
   *
   * @param published the key ids of the key set
   * @param token a token that was asked for after the key set was fetched. Undefined: there was none
   * @param now when the key set was fetched, a NumericDate
   */
  note(published: readonly string[], token: SeenToken | undefined, now: number): void {
    for (const [kid, end] of this.ends) if (!published.includes(kid) && now < end) this.missing.add(kid);
    if (!token) {
      this.failed += 1;
      return;
    }
    this.tokens += 1;
    if (!published.includes(token.kid)) this.early.add(token.kid);
    this.ends.set(token.kid, Math.max(token.exp, this.ends.get(token.kid) ?? 0));
  }

  rows(): Result[] {
    return [
      {
        name: 'tokens while it was watched',
        rfc: 'RFC 7515 §4.1.4',
        expected: 'with a kid',
        seen: `${this.tokens} of ${this.tokens + this.failed}`,
        ...(this.tokens === 0
          ? { verdict: 'fail', why: 'the command gave no token with kid and exp' }
          : { verdict: 'pass' }),
      },
      this.row('each key is published before it signs', 'before', this.early, {
        verdict: 'fail',
        why: 'a verifier that has just fetched the key set cannot verify its first token',
      }),
      this.row('each key stays until its tokens end', 'until then', this.missing, {
        verdict: 'note',
        why: 'good tokens are refused, unless the key was revoked',
      }),
    ];
  }

  private row(
    name: string,
    expected: string,
    bad: ReadonlySet<string>,
    otherwise: { verdict: 'fail' | 'note'; why: string },
  ): Result {
    const seen = `${this.ends.size - bad.size} of ${this.ends.size}`;
    const shown = { name, rfc: ROTATION, expected, seen };
    if (bad.size === 0) return { ...shown, verdict: 'pass' };
    return { ...shown, ...otherwise, why: `${otherwise.why}: ${[...bad].map(printable).join(', ')}` };
  }
}

/** Reads the first token in a text. Nothing about it is verified. Undefined: it has none, or not with `kid` and `exp`. */
export function tokenIn(text: string): SeenToken | undefined {
  const [, header = '', payload = ''] = /([\w-]+)\.([\w-]+)\.[\w-]*/.exec(text) ?? [];
  const [{ kid }, { exp }] = [membersOf(header), membersOf(payload)];
  return typeof kid === 'string' && typeof exp === 'number' ? { kid, exp } : undefined;
}

function membersOf(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
