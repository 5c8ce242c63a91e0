/** The first way: a random session id, and a row in the memory of the server that made it. */
import { randomBytes } from 'node:crypto';
import { SESSION_SECONDS, type Clock, type Way } from './way.js';

/** @param instance its number; the id begins with it, so that a balancer can find the instance again */
export function sessionInMemory(instance: number, clock: Clock): Way {
  const sessions = new Map<string, { account: string; expiresAt: number }>();
  return {
    logIn(account) {
      const id = `${instance}.${randomBytes(32).toString('base64url')}`;
      sessions.set(id, { account, expiresAt: clock() + SESSION_SECONDS * 1000 });
      return id;
    },
    whoIs(id) {
      const session = sessions.get(id);
      return session && session.expiresAt > clock() ? session.account : undefined;
    },
    logOut: (id) => void sessions.delete(id),
    sweep() {
      const before = sessions.size;
      for (const [id, { expiresAt }] of sessions) if (expiresAt <= clock()) sessions.delete(id);
      return before - sessions.size;
    },
    idsInMemory: () => [...sessions.keys()],
  };
}
