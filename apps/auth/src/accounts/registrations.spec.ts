import { describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { Registrations } from './registrations.js';

describe('Registrations', () => {
  it('checks two at a time, and turns away the 21st that would wait', async () => {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    let [running, most] = [0, 0];
    const query = async () => {
      most = Math.max(most, (running += 1));
      await opened;
      running -= 1;
      return [];
    };
    const registrations = new Registrations({ query } as unknown as DataSource, {
      perAddress: 4,
      windowSeconds: 600,
    });
    const waiting = Array.from({ length: 22 }, (_, n) => registrations.check(`198.51.100.${n}`));
    await new Promise(setImmediate);
    const refused = registrations.check('198.51.100.200');
    // Were it to wait, this would end it.
    setImmediate(open);
    await expect(refused).rejects.toMatchObject({ code: 'registrations_busy', retryAfterSeconds: 2 });
    await Promise.all(waiting);
    expect(most).toBe(2);
    await expect(registrations.check('198.51.100.200')).resolves.toBeUndefined();
  });
});
