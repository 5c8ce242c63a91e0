/** Lets work with the same key run one after the other, within this process. */
export class Turns {
  private readonly queues = new Map<string, { last: Promise<unknown>; length: number }>();

  /** @param limit how many may run and wait for one key */
  constructor(private readonly limit: number) {}

  /** Runs `work` when all work with this key that was given before has ended. Returns undefined if too many wait. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> | undefined {
    const queue = this.queues.get(key) ?? { last: Promise.resolve(), length: 0 };
    if (queue.length >= this.limit) return undefined;
    this.queues.set(key, queue);
    queue.length += 1;
    const result = queue.last.then(work);
    queue.last = result
      .catch(() => undefined)
      .then(() => {
        queue.length -= 1;
        if (queue.length === 0) this.queues.delete(key);
      });
    return result;
  }
}
