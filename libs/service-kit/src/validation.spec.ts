import type { ArgumentMetadata } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ServiceError } from './service-error.js';
import { ValidationPipe } from './validation.js';

const pipe = new ValidationPipe();
const body = (schema?: z.ZodType): ArgumentMetadata => ({ type: 'body', ...(schema && { schema }) });

async function errorsOf(value: unknown, metadata: ArgumentMetadata) {
  const error = await pipe.transform(value, metadata).catch((thrown: unknown) => thrown);
  if (error instanceof ServiceError && error.code === 'invalid_request') return error.errors;
  throw new Error('not refused', { cause: error });
}

describe('ValidationPipe', () => {
  const schema = z.strictObject({
    n: z.coerce.number(),
    list: z.array(z.strictObject({ a: z.string() })).optional(),
  });

  it('hands over what the schema made of the input', async () => {
    expect(await pipe.transform({ n: '1' }, body(schema))).toEqual({ n: 1 });
  });

  it('names the field by its path, and a single parameter by its name', async () => {
    expect(await errorsOf({ n: 1, list: [{ a: 2 }] }, body(schema))).toMatchObject([{ field: 'list.0.a' }]);
    expect(await errorsOf('x', { type: 'param', data: 'id', schema: z.uuid() })).toMatchObject([
      { field: 'id' },
    ]);
    expect(await errorsOf(undefined, body(schema))).toMatchObject([{ field: '' }]);
  });

  it('lists unknown fields one by one, cut to a bearable length', async () => {
    const long = 'x'.repeat(5000);
    expect(await errorsOf({ n: 1, [long]: 1, more: 1 }, body(schema))).toEqual([
      { field: 'x'.repeat(100), message: 'Unknown field' },
      { field: 'more', message: 'Unknown field' },
    ]);
  });

  it.each([
    [{ n: 'a\0' }, 'n'],
    [{ list: [{ a: '\0' }] }, 'list.0.a'],
    [{ list: [{ 'a\0': '1' }] }, 'list.0'],
  ])('refuses NUL in %j before the schema is asked', async (value, field) => {
    const loose = body(z.looseObject({}));
    expect(await errorsOf(value, loose)).toEqual([{ field, message: 'must not contain a NUL character' }]);
  });

  it.each([
    [{ n: 'a\ud800' }, 'n'],
    [{ n: '\udfff\ud800' }, 'n'],
    [{ list: [{ a: '😀\ude00' }] }, 'list.0.a'],
    [{ list: [{ 'a\udc00': '1' }] }, 'list.0'],
  ])('refuses half of a surrogate pair in %j', async (value, field) => {
    const loose = body(z.looseObject({}));
    expect(await errorsOf(value, loose)).toEqual([{ field, message: 'must be well-formed Unicode' }]);
  });

  it('takes whole pairs and everything else that Unicode has', async () => {
    const text = '😀 \ufffd \uffff e\u0301 \u202e';
    expect(await pipe.transform({ [text]: text }, body(z.looseObject({})))).toEqual({ [text]: text });
  });

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('bounds how deep %s are nested', async (_what, open, close) => {
    const nested = (depth: number): unknown =>
      JSON.parse(`${open.repeat(depth)}${open === '[' ? '' : '1'}${close.repeat(depth)}`);
    expect(await pipe.transform(nested(32), body(z.any()))).toEqual(nested(32));
    const refused = [{ field: '', message: 'must not be nested deeper than 32 levels' }];
    expect(await errorsOf(nested(33), body(z.any()))).toEqual(refused);
    // The greatest depth of a body of 64 KiB. Its fault would be at the innermost level.
    expect(await errorsOf({ a: nested(10_000) }, body(z.any()))).toEqual(refused);
  });

  it('refuses NUL in a parameter that has no schema', async () => {
    expect(await errorsOf('a\0', { type: 'param', data: 'sku' })).toMatchObject([{ field: 'sku' }]);
    expect(await errorsOf('a\ud800', { type: 'param', data: 'sku' })).toMatchObject([{ field: 'sku' }]);
    expect(await pipe.transform('a', { type: 'param', data: 'sku' })).toBe('a');
  });

  it.each([
    ['without a schema', undefined],
    ['with a schema that drops unknown fields', z.object({})],
  ])('fails on a body or query %s', async (_name, bad) => {
    await expect(pipe.transform({}, body(bad))).rejects.toThrow(/schema/);
    await expect(pipe.transform({}, { ...body(bad), type: 'query' })).rejects.toThrow(/schema/);
  });

  it('leaves the parameters of custom decorators alone', async () => {
    const caller = { sub: 'a\0' };
    expect(await pipe.transform(caller, { type: 'custom' })).toBe(caller);
  });
});
