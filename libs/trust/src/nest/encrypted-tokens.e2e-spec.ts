/** A service that accepts encrypted tokens only, and one that accepts none. */
import { describe, expect, test } from '@jest/globals';
import { createTestRecipient, encryptCompact } from '#testing';
import { get, setUp } from '../../test/cats-service.js';

describe('a service with a decryption key', () => {
  const recipient = createTestRecipient();
  const encrypt = (token: string) => encryptCompact(token, recipient);

  test('accepts an encrypted token, again and again, and refuses a signed one', async () => {
    const { url, token } = await setUp({ decryptionKey: recipient.privateJwk });
    const sent = encrypt(token({ sub: 'felix' }));
    for (let time = 1; time <= 3; time += 1)
      expect(await get(`${url}/cats`, sent)).toMatchObject({ status: 200, body: { sub: 'felix' } });
    const { status, headers, body } = await get(`${url}/cats`, token());
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"']);
    expect(body).toMatchObject({ code: 'invalid_token' });
    expect((await get(`${url}/trust`)).body).toMatchObject({ requests: { accepted: 3, not_encrypted: 1 } });
  });

  test('hands a handler the signed token that is inside, each time', async () => {
    const { url, token } = await setUp({ decryptionKey: recipient.privateJwk });
    const signed = token({ sub: 'felix' });
    const sent = encrypt(signed);
    for (let time = 1; time <= 2; time += 1)
      expect((await get(`${url}/cats/token`, sent)).body).toEqual({ signed, sub: 'felix' });
  });

  test('tells nobody why an encrypted token is refused, and counts it by reason', async () => {
    const { url, token } = await setUp({ decryptionKey: recipient.privateJwk });
    const bad = [
      encryptCompact(token(), createTestRecipient()),
      encrypt(token()).slice(0, -2),
      encrypt(encrypt(token())),
      encryptCompact(token(), recipient, { header: { zip: 'DEF' } }),
      encryptCompact(token(), recipient, { header: { enc: 'A128GCM' } }),
    ];
    const answers = await Promise.all(bad.map((each) => get(`${url}/cats`, each)));
    for (const { status, body } of answers) expect([status, body]).toEqual([401, answers[0]!.body]);
    expect((await get(`${url}/trust`)).body['requests']).toEqual({
      undecryptable: 1,
      malformed: 2,
      unsupported_header: 1,
      alg_mismatch: 1,
    });
  });

  test('refuses a revoked token that it had accepted', async () => {
    const { issuer, ring, url, token } = await setUp({ decryptionKey: recipient.privateKey });
    const sent = encrypt(token({ sid: 'ended' }));
    expect((await get(`${url}/cats`, sent)).status).toBe(200);
    ring.revocations.add(issuer.revocation(1, { sid: 'ended' }));
    expect((await get(`${url}/cats`, sent)).status).toBe(401);
  });

  test('does not start with a key that cannot decrypt', async () => {
    await expect(setUp({ decryptionKey: recipient.publicJwk })).rejects.toThrow('d is missing');
  });
});

test('a service without a decryption key refuses an encrypted token', async () => {
  const { url, token } = await setUp();
  expect(await get(`${url}/cats`, encryptCompact(token(), createTestRecipient()))).toMatchObject({
    status: 401,
    body: { code: 'invalid_token' },
  });
  expect((await get(`${url}/trust`)).body).toMatchObject({ requests: { malformed: 1 } });
});
