import { describe, expect, it } from '@jest/globals';
import type { AlgorithmName } from '#jws';
import { SpareKey } from './spare-key.js';

/** How many keys were revoked until now. */
const revocations = 1;

function spareKey() {
  let made = 0;
  const generate = async (alg: AlgorithmName) => ({
    kid: `spare-${(made += 1)}`,
    alg,
    publicJwk: {},
    seal: '',
  });
  return { spare: new SpareKey(generate), made: () => made };
}

describe('SpareKey', () => {
  it('makes one key ahead and gives it away once', async () => {
    const { spare, made } = spareKey();
    await spare.stock('ES256', revocations);
    await spare.stock('ES256', revocations);
    expect(made()).toBe(1);
    expect(spare.take('ES256', revocations)?.kid).toBe('spare-1');
    expect(spare.take('ES256', revocations)).toBeUndefined();
  });

  it('has none before it was made, and none of another algorithm', async () => {
    const { spare } = spareKey();
    expect(spare.take('ES256', revocations)).toBeUndefined();
    await spare.stock('ES256', revocations);
    expect(spare.take('RS256', revocations)).toBeUndefined();
  });

  it('follows the algorithm that signs', async () => {
    const { spare } = spareKey();
    await spare.stock('ES256', revocations);
    await spare.stock('RS256', revocations);
    expect(spare.take('RS256', revocations)?.kid).toBe('spare-2');
  });

  it('gives none that is older than a revocation, by whichever replica, and makes another', async () => {
    const { spare } = spareKey();
    await spare.stock('ES256', revocations);
    const after = revocations + 1;
    expect(spare.take('ES256', after)).toBeUndefined();
    await spare.stock('ES256', revocations);
    await spare.stock('ES256', after);
    expect(spare.take('ES256', after)?.kid).toBe('spare-3');
  });

  it('is as old as the revocations that were counted before it was made', async () => {
    let finish!: () => void;
    const made = new Promise<void>((resolve) => (finish = resolve));
    const spare = new SpareKey(async (alg) => {
      await made;
      return { kid: 'slow', alg, publicJwk: {}, seal: '' };
    });
    const stocked = spare.stock('ES256', revocations);
    finish();
    await stocked;
    expect(spare.take('ES256', revocations + 1)).toBeUndefined();
  });
});
