/** How a token is sent. */
import type { Case } from '../case.js';
import { bearer } from '../target.js';

const ambiguous = {
  rfc: 'RFC 6750 §2',
  also: [400],
  allowed: 'RFC 6750 §2 binds the client; a proxy may judge the field that the target ignores',
};

export const transportCases: readonly Case[] = [
  {
    name: 'two Authorization fields, first the good one',
    ...ambiguous,
    sent: ({ token }) => ({ authorization: [`Bearer ${token()}`, 'Bearer other'] }),
  },
  {
    name: 'two Authorization fields, last the good one',
    ...ambiguous,
    sent: ({ token }) => ({ authorization: ['Bearer other', `Bearer ${token()}`] }),
  },
  {
    name: 'a good token in the query',
    rfc: 'RFC 9700 §4.3.2',
    allowed: 'RFC 6750 §2.3 allows it; RFC 9700 forbids it to clients',
    sent: ({ token }) => ({ query: { access_token: token() } }),
  },
  {
    name: 'a good token, with bearer in lower case',
    rfc: 'RFC 9110 §11.1',
    expected: 'accepted',
    sent: ({ token }) => ({ authorization: [`bearer ${token()}`] }),
  },
];

/** Sent before and after all others. */
export const goodCase = (name: string): Case => ({
  name,
  rfc: 'RFC 6750 §2.1',
  expected: 'accepted',
  sent: ({ token }) => bearer(token()),
});
