/** A power of two. With 250,000 names a part has some thousands, and grows within a fraction of a millisecond. */
const PARTS = 256;

/**
 * Revoked names of one kind, each with the number of its revocation. It is a map in parts: a single map of 65,536 names
 * stops the process for some 10 ms when it grows, because it then moves all of them at once.
 */
export class RevokedNames {
  private readonly parts: readonly Map<string, number>[] = Array.from({ length: PARTS }, () => new Map());

  get size(): number {
    return this.parts.reduce((total, part) => total + part.size, 0);
  }

  has(name: string): boolean {
    return this.partOf(name).has(name);
  }

  get(name: string): number | undefined {
    return this.partOf(name).get(name);
  }

  set(name: string, n: number): void {
    this.partOf(name).set(name, n);
  }

  /** Removes each name whose number is less than `n`. */
  deleteBefore(n: number): void {
    for (const part of this.parts) {
      for (const [name, number] of part) if (number < n) part.delete(name);
    }
  }

  /** The issuer makes names, and their ends are random, so the parts are about equal. */
  private partOf(name: string): Map<string, number> {
    const { length } = name;
    // The codes of no characters are NaN, which counts as 0 here.
    return this.parts[(name.charCodeAt(length - 1) * 37 + (name.charCodeAt(length - 2) | 0)) & (PARTS - 1)]!;
  }
}
