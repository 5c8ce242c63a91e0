import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestNats, type TestNats } from '#testing';
import { startAuth, type AuthFixture } from './auth-fixture.js';
describe('two replicas', () => {
  let auth: AuthFixture; let nats: TestNats;
  beforeAll(async () => { nats = await startTestNats(); auth = await startAuth({ nats, settings: { countedSeconds: 1 } }); });
  afterAll(async () => { await auth.close(); await nats.close(); });
  it('logs in on both', async () => {
    const other = await auth.replica();
    const token = await auth.login('admin');
    const me = await other.send('GET', '/auth/me', { token });
    console.log(me.status, me.text);
    const keys = await other.send('GET', '/admin/keys', { token });
    console.log(keys.status, keys.text);
    expect(keys.status).toBe(200);
    console.log(auth.logged().slice(0, 2000));
  });
});
