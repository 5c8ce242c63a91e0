import type { IncomingMessage } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ServiceError } from '#service-kit';

/** Injects the `Idempotency-Key` of the request, or undefined if it has none. */
export const IdempotencyKey = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  const { raw } = context.switchToHttp().getRequest<{ raw: IncomingMessage }>();
  // `headers` would join two fields into one value, so this reads `headersDistinct`.
  return readIdempotencyKey(raw.headersDistinct['idempotency-key']);
});

/**
 * Reads the key from the one field with this name. Its text has no meaning: quotes, as in the draft, are a part of it.
 * @throws ServiceError `invalid_request` unless it is 1 to 255 printable ASCII characters
 */
export function readIdempotencyKey(fields: readonly string[] | undefined): string | undefined {
  if (fields === undefined) return undefined;
  const [key] = fields;
  if (fields.length === 1 && key !== undefined && /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  const message = 'Expected one field with 1 to 255 printable ASCII characters';
  throw new ServiceError('invalid_request', { errors: [{ field: 'Idempotency-Key', message }] });
}
