import { z } from 'zod';

const decimal = /^(?:0|[1-9]\d*)$/;

/**
 * Reads a whole number that arrives as text, in a query or in a setting: only decimal digits. `Number` would also
 * accept `0x10`, `1e1`, `+5`, `5.0`, blanks and an empty text, so a typing error could become another number.
 */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  const error: z.core.$ZodErrorMap = ({ code }) =>
    code === 'invalid_type' ? 'must be a whole number in decimal digits' : undefined;
  return z.preprocess(
    (text) => (typeof text === 'string' && decimal.test(text) ? Number(text) : text),
    z.int({ error }).min(min).max(max),
  );
}
