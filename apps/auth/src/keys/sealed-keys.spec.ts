import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import type { KeyRecord } from './key-life-cycle.js';
import { KeySeal } from './key-seal.js';
import { SealedKeys } from './sealed-keys.js';

const sealedKeys = new SealedKeys(new KeySeal([randomBytes(32).toString('base64')]), {
  rsaModulusBits: 2048,
});

beforeEach(() => {
  jest.spyOn(Logger.prototype, 'error').mockReturnValue(undefined);
});
afterEach(() => {
  jest.restoreAllMocks();
});

it('a key may be published while it signs, and a key without its private half only while it retires', async () => {
  const key = await sealedKeys.generate('ES256');
  const destroyed = { ...key, seal: sealedKeys.destroyPrivateHalf(key) };
  const isPublished = (from: typeof key, status: KeyRecord['status']) =>
    sealedKeys.mayPublish({ ...from, status } as KeyRecord);
  const statuses = ['prepared', 'active', 'retiring'] as const;
  expect(statuses.map((status) => isPublished(key, status))).toEqual([true, true, true]);
  expect(statuses.map((status) => isPublished(destroyed, status))).toEqual([false, false, true]);
});
