import { describe, expect, it } from '@jest/globals';
import { AuthError } from '../errors.js';
import { PasswordHasher } from './password-hasher.js';

describe('PasswordHasher', () => {
  it('hashes by argon2id with the parameters of OWASP, salted', async () => {
    const hasher = new PasswordHasher(2);
    const [one, other] = await Promise.all([hasher.hash('a password'), hasher.hash('a password')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(other);
  });

  it('matches the password and no other, in whichever Unicode form it is typed', async () => {
    const hasher = new PasswordHasher(2);
    const hash = await hasher.hash('caf\u00e9 au lait');
    const matches = (password: string) => hasher.comparing((compare) => compare(password, hash));
    expect(await matches('cafe\u0301 au lait')).toBe(true);
    expect(await matches('cafe au lait')).toBe(false);
    expect(await matches('')).toBe(false);
  });

  it('matches nothing where there is no hash, not even what the stand-in was made of', async () => {
    const hasher = new PasswordHasher(1);
    for (const password of ['a password that no account has', '']) {
      expect(await hasher.comparing((compare) => compare(password, undefined))).toBe(false);
    }
  });

  it('works on as many at once as it was told to, and never more', async () => {
    const hasher = new PasswordHasher(3);
    const gate = openable();
    let [running, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, (running += 1));
      await gate.opened;
      running -= 1;
    };
    const all = Array.from({ length: 12 }, () => hasher.comparing(work));
    // Hashing takes a turn like comparing does: it stands behind the twelve.
    let isHashed = false;
    const hashed = hasher.hash('x').then(() => (isHashed = true));
    await new Promise(setImmediate);
    expect({ running, isHashed }).toEqual({ running: 3, isHashed: false });
    gate.open();
    await Promise.all([...all, hashed]);
    expect(most).toBe(3);
  });

  it('turns away the 201st that would wait, and takes the next when there is room', async () => {
    const hasher = new PasswordHasher(1);
    const gate = openable();
    const waiting = Array.from({ length: 201 }, () => hasher.comparing(() => gate.opened));
    await new Promise(setImmediate);
    const refused = (async () => hasher.comparing(() => gate.opened))();
    await expect(refused).rejects.toThrow(AuthError);
    await expect(refused).rejects.toMatchObject({ code: 'login_busy', retryAfterSeconds: 2 });
    gate.open();
    await Promise.all(waiting);
    await expect(hasher.comparing(async () => 'done')).resolves.toBe('done');
  });

  it('takes one registration at a time, and turns away the 21st that would wait', async () => {
    const hasher = new PasswordHasher(4);
    const gate = openable();
    let [running, most] = [0, 0];
    const waiting = Array.from({ length: 21 }, () =>
      hasher.registering(async () => {
        most = Math.max(most, (running += 1));
        await gate.opened;
        running -= 1;
      }),
    );
    await new Promise(setImmediate);
    const refused = (async () => hasher.registering(async () => 'done'))();
    await expect(refused).rejects.toMatchObject({ code: 'registrations_busy', retryAfterSeconds: 2 });
    gate.open();
    await Promise.all(waiting);
    expect(most).toBe(1);
    await expect(hasher.registering(async () => 'done')).resolves.toBe('done');
  });

  it('lets a login wait for one registration at most, however many there are', async () => {
    const hasher = new PasswordHasher(1);
    const order: string[] = [];
    const registering = Array.from({ length: 20 }, () =>
      hasher.registering(async (hash) => {
        await hash('a password');
        order.push('registration');
      }),
    );
    // The first registration is hashing now, and holds the only turn.
    await new Promise(setImmediate);
    const logins = Array.from({ length: 5 }, () => hasher.comparing(async () => void order.push('login')));
    await Promise.all([...logins, ...registering]);
    const before = order.slice(0, order.lastIndexOf('login'));
    expect(before.filter((what) => what === 'registration').length).toBeLessThanOrEqual(1);
    expect(order).toHaveLength(25);
  });

  it('lets registrations take their turn among logins', async () => {
    const hasher = new PasswordHasher(1);
    const gate = openable();
    const order: string[] = [];
    const login = () => hasher.comparing(async () => void order.push('login'));
    const first = hasher.comparing(() => gate.opened);
    const earlier = [login(), login()];
    const registered = hasher
      .registering((hash) => hash('a password'))
      .then((hash) => order.push(hash.slice(0, 9)));
    await new Promise(setImmediate);
    const later = Array.from({ length: 20 }, login);
    gate.open();
    await Promise.all([first, ...earlier, registered, ...later]);
    expect(order.indexOf('$argon2id')).toBeLessThan(10);
  });

  it('frees the turn of a check that failed, and of a registration', async () => {
    const hasher = new PasswordHasher(1);
    const failing = hasher.comparing(() => Promise.reject(new Error('no database')));
    await expect(failing).rejects.toThrow('no database');
    await expect(hasher.comparing(async () => 'done')).resolves.toBe('done');
    const unregistered = hasher.registering(() => Promise.reject(new Error('no database')));
    await expect(unregistered).rejects.toThrow('no database');
    await expect(hasher.registering(async () => 'done')).resolves.toBe('done');
  });
});

function openable() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}
