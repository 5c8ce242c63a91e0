/** The bound of a revocation view, seen by the clients of a service. */
import { expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { get, setUp } from '../../test/cats-service.js';
import { MAX_REVOCATIONS } from '../revocations.js';

test('more revocations than may be held: 503 on every closed route, an event in the log, and an end', async () => {
  const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const { url, issuer, ring, token } = await setUp();
  const state = (to: number) => ring.accept(issuer.statement({ revocations: { from: 1, to } }), 'local');
  state(MAX_REVOCATIONS + 1);
  expect(await get(`${url}/cats`, token())).toMatchObject({ status: 503, body: { code: 'trust_stale' } });
  expect(await get(`${url}/cats/open`)).toMatchObject({ status: 200 });
  expect(warn).toHaveBeenCalledWith({ event: 'revocations.too_many', limit: MAX_REVOCATIONS });
  warn.mockRestore();
  state(0);
  expect(await get(`${url}/cats`, token())).toMatchObject({ status: 200 });
});
