import { expect, test } from '@jest/globals';
import * as channels from './channels.js';

test('the names on the wire, on which other processes and the NATS permissions rely', () => {
  expect(channels.KEYSET_SUBJECT).toBe('trust.keyset');
  expect(channels.KEYSET_DIRECT_GET).toBe('$JS.API.DIRECT.GET.TRUST.trust.keyset');
  expect(channels.ackSubject('orders', 'a1')).toBe('trust.ack.orders.a1');
  expect(channels.REVOCATION_SUBJECTS).toBe('trust.revocation.>');
  expect(channels.revocationSubject(7)).toBe('trust.revocation.7');
  expect(channels.REVOCATION_DIRECT_GET).toBe('$JS.API.DIRECT.GET.REVOCATIONS');
  expect(channels.lastBySubject('trust.revocation.7')).toBe('{"last_by_subj":"trust.revocation.7"}');
  expect(channels.KEYSET_PATH).toBe('/.well-known/keyset');
  expect(channels.KEYSET_MEDIA_TYPE).toBe('application/jwk-set+jwt');
});
