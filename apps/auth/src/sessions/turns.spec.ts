import { describe, expect, it } from '@jest/globals';
import { Turns } from './turns.js';

/** Work that ends when it is told to. */
function task(name: string, log: string[]) {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const work = async () => {
    log.push(`${name} began`);
    await ended;
    return name;
  };
  return { work, end };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('Turns', () => {
  it('runs work with one key one after the other, and work with another key beside it', async () => {
    const [turns, log] = [new Turns(9), [] as string[]];
    const [a, b, c] = [task('a', log), task('b', log), task('c', log)];
    const results = [turns.take('x', a.work)!, turns.take('x', b.work)!, turns.take('y', c.work)!];
    await settle();
    expect(log).toEqual(['a began', 'c began']);
    a.end();
    await settle();
    expect(log).toEqual(['a began', 'c began', 'b began']);
    for (const { end } of [b, c]) end();
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c']);
  });

  it('goes on after work that fails', async () => {
    const turns = new Turns(9);
    const failed = turns.take('x', () => Promise.reject(new Error('no')));
    const next = turns.take('x', async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });

  it('takes no more than the limit, and takes others when they have ended', async () => {
    const [turns, log] = [new Turns(2), [] as string[]];
    const [a, b] = [task('a', log), task('b', log)];
    const results = [turns.take('x', a.work)!, turns.take('x', b.work)!];
    expect(turns.take('x', a.work)).toBeUndefined();
    a.end();
    b.end();
    await Promise.all(results);
    await settle();
    expect(await turns.take('x', async () => 'again')).toBe('again');
  });
});
