/** Judges what a target made of a case. Pure: the tables of its spec are the rules. */
import type { Case } from './case.js';
import { isAccepted, type Seen } from './target.js';

export interface Verdict {
  /** `note`: not what is expected, and no RFC forbids it. */
  readonly verdict: 'pass' | 'note' | 'fail';
  /** Why it is not a pass. */
  readonly why?: string;
}

/** A case with its result, as it is shown and written. */
export interface Result extends Verdict {
  readonly name: string;
  readonly rfc: string;
  readonly expected: string;
  readonly seen: string;
}

/** What the table says about a case. */
export function expectedOf({ expected, also = [] }: Case): string {
  if (expected === 'accepted') return '2xx';
  return [expected === 'forbidden' ? 403 : 401, ...also].join(' ');
}

export function seenOf(seen: Seen): string {
  return seen.failure ? seen.message : String(seen.status);
}

/** @param fetched how often the target fetched the key of the attacker */
export function judge(
  given: Case,
  seen: Seen,
  { rfc9068, fetched = 0 }: { rfc9068: boolean; fetched?: number },
): Verdict {
  if (fetched > 0) return fail('the target fetched a URL that a stranger wrote into the token');
  if (seen.failure === 'closed' && given.mayClose) return { verdict: 'pass' };
  if (seen.failure) return fail(`the target did not answer: ${seen.message}`);
  if (given.expected === 'accepted')
    return isAccepted(seen) ? { verdict: 'pass' } : fail('a good request is refused');
  if (isAccepted(seen)) return judgeAcceptance(given, rfc9068);
  return judgeRefusal(given, seen.status);
}

function judgeAcceptance({ allowed, allowedWithout9068 }: Case, rfc9068: boolean): Verdict {
  if (allowed !== undefined) return { verdict: 'note', why: allowed };
  if (allowedWithout9068 === undefined) return fail('the request is accepted');
  return rfc9068
    ? fail('the request is accepted')
    : { verdict: 'note', why: `${allowedWithout9068}; RFC 9068 refuses it` };
}

function judgeRefusal({ expected, also = [] }: Case, status: number): Verdict {
  const best = expected === 'forbidden' ? 403 : 401;
  if (status === best || also.includes(status)) return { verdict: 'pass' };
  if (status >= 400 && status < 500)
    return { verdict: 'note', why: `the request is refused; RFC 6750 §3.1 names ${best}` };
  return fail(status >= 500 ? 'the target has a fault (5xx)' : 'the answer neither accepts nor refuses');
}

/** Whether each answer 401 said which scheme the target wants. */
export function judgeChallenges(answers: readonly Seen[]): Result {
  const refused = answers.filter((seen) => !seen.failure && seen.status === 401);
  const without = refused.filter(
    (seen) => !/(?:^|,)\s*Bearer\b/i.test((!seen.failure && seen.challenge) || ''),
  );
  const shown = {
    name: 'every 401 names the scheme',
    rfc: 'RFC 6750 §3',
    expected: 'WWW-Authenticate: Bearer',
    seen: `${refused.length - without.length} of ${refused.length}`,
  };
  if (refused.length === 0) return { ...shown, verdict: 'note', why: 'no answer was 401' };
  if (without.length === 0) return { ...shown, verdict: 'pass' };
  return { ...shown, ...fail(`${without.length} answers with 401 have no WWW-Authenticate: Bearer`) };
}

function fail(why: string): Verdict {
  return { verdict: 'fail', why };
}
