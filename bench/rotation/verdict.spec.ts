import { describe, expect, it } from '@jest/globals';
import { judge, newGeneration } from './verdict.js';

const good = newGeneration('token');
const revoked = { ...newGeneration('token'), revokeSentAt: 100, boundAt: 150 };
const answer = (sentAt: number, answeredAt: number, status: number) => ({ sentAt, answeredAt, status });

describe('judge', () => {
  it.each([
    ['a good token that is accepted', answer(10, 20, 200), good, 'accepted'],
    ['a good token that is refused', answer(10, 20, 401), good, 'wrongly refused'],
    ['a good token that gets 503', answer(10, 20, 503), good, 'wrongly refused'],
    ['a good token without an answer', answer(10, 20, 0), good, 'wrongly refused'],
    ['a refusal before the revocation was sent', answer(80, 99, 401), revoked, 'wrongly refused'],
    ['a refusal that may have been caused by it', answer(80, 101, 401), revoked, 'refused'],
    ['an acceptance that was answered before', answer(80, 99, 200), revoked, 'accepted'],
    ['an acceptance on its way', answer(99, 130, 200), revoked, 'undecided'],
    [
      'an acceptance that was sent before the bound and answered after',
      answer(149, 160, 200),
      revoked,
      'undecided',
    ],
    ['an acceptance that was sent after the bound', answer(151, 160, 200), revoked, 'wrongly accepted'],
    ['a refusal after the bound', answer(151, 160, 401), revoked, 'refused'],
  ])('%s', (_case, exchange, generation, verdict) => {
    expect(judge(exchange, generation)).toBe(verdict);
  });

  it('knows no bound as long as the revocation is not answered', () => {
    expect(judge(answer(500, 510, 200), { ...good, revokeSentAt: 100 })).toBe('undecided');
  });
});
