import { expect, it } from '@jest/globals';
import { withActor, withRequest } from './request-context.js';
import { eventLine, securityEvents } from './security-events.js';

const account = '00000000-0000-4000-8000-000000000001';

it('a line names who caused it, once the guard has let the caller in', () => {
  const request: { id: string; user?: { sub: string } } = { id: 'r1' };
  withRequest(request, () => {
    expect(eventLine('account.enabled', { account })).toEqual({ event: 'account.enabled', account });
    request.user = { sub: 'admin-1' };
    expect(eventLine('account.enabled', { account })).toMatchObject({ by: 'admin-1' });
  });
  withActor('operator', () => {
    expect(eventLine('account.enabled', { account })).toMatchObject({ by: 'operator' });
  });
});

it('a line that lacks a field, or has one more, does not compile', () => {
  // @ts-expect-error the account is missing
  eventLine('account.enabled', {});
  // @ts-expect-error an e-mail address is no field of any event
  eventLine('account.registered', { account, email: 'a@example.test' });
  // @ts-expect-error no such event
  eventLine('account.renamed', { account });
  expect(Object.keys(securityEvents)).not.toContain('account.renamed');
});

it('no event has a field for what nobody but its owner may read', () => {
  const fields = Object.values(securityEvents).flatMap((row) => Object.keys(row.fields));
  for (const secret of ['email', 'password', 'token', 'note', 'address'])
    expect(fields).not.toContain(secret);
});
