/** Revoked keys, of which there may be many: what statements say of them, and who reads them. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { isPublished } from '../src/keys/key-life-cycle.js';
import { KeySetService } from '../src/key-set/key-set.service.js';
import { startAuth, type AuthFixture } from './auth-fixture.js';

let auth: AuthFixture;
let keySet: KeySetService;

beforeAll(async () => {
  auth = await startAuth();
  keySet = auth.app.get(KeySetService, { strict: false });
});
afterAll(() => auth?.close());

/** Writes keys that were revoked so many seconds ago. Each kid tells when. */
async function writeRevoked(secondsAgo: readonly number[]): Promise<void> {
  // In one transaction, so that auth never sees them as prepared.
  await auth.owner.transaction(async (tx) => {
    await tx.query(
      `INSERT INTO signing_key (kid, alg, status, public_jwk, seal, prepared_at)
       SELECT 'revoked-' || s, 'ES256', 'prepared', '{}', '', now() FROM unnest($1::int[]) s`,
      [secondsAgo],
    );
    await tx.query(
      `UPDATE signing_key SET status = 'revoked', revocation_reason = 'compromised',
         revoked_at = now() - make_interval(secs => substr(kid, 9)::int)
       WHERE kid LIKE 'revoked-%' AND status = 'prepared'`,
    );
  });
}

async function namedAsRevoked(): Promise<string[]> {
  const { statement } = await keySet.change((keys) => ({ keys, answer: undefined }));
  const payload = Buffer.from(statement!.jws.split('.')[1]!, 'base64url').toString();
  const { revoked } = JSON.parse(payload) as { revoked: { kid: string; reason: string }[] };
  expect(revoked.every(({ reason }) => reason === 'compromised')).toBe(true);
  return revoked.map(({ kid }) => kid);
}

it('a statement names a revoked key until its tokens and the statements from before have expired', async () => {
  const { maxTokenSeconds, statementSeconds } = auth.settings;
  const seconds = maxTokenSeconds + statementSeconds;
  await writeRevoked([1, seconds - 60, seconds + 1, 10 * seconds]);
  expect(await namedAsRevoked()).toEqual(['revoked-1', `revoked-${seconds - 60}`]);
});

it('it names the 128 that were revoked last', async () => {
  const secondsAgo = Array.from({ length: 200 }, (_, index) => index + 100);
  await writeRevoked(secondsAgo);
  expect(await namedAsRevoked()).toEqual([1, ...secondsAgo].slice(0, 128).map((each) => `revoked-${each}`));
});

it('a change of the key set reads the published keys alone', async () => {
  const { answer } = await keySet.change((keys) => ({ answer: keys }));
  expect(answer).toHaveLength(2);
  expect(answer.every(isPublished)).toBe(true);
  expect((await keySet.allKeys()).length).toBeGreaterThan(200);
});

it('a revoked key is not revoked again, and an unknown key is not found', async () => {
  const token = await auth.login('admin');
  const revoke = (kid: string) =>
    auth.send('POST', `/admin/keys/${kid}/revoke`, { token, body: { reason: 'compromised' } });
  expect(await revoke('revoked-1')).toMatchObject({ status: 409, body: { code: 'key_not_revocable' } });
  expect(await revoke('never-was')).toMatchObject({ status: 404, body: { code: 'key_not_found' } });
});
