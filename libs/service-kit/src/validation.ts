import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { StandardSchemaValidationPipe } from '@nestjs/common';
import { z } from 'zod';
import type { FieldError } from './service-error.js';
import { ServiceError } from './service-error.js';

const maxErrors = 20;
const maxFieldLength = 100;

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  /** Zod's list of unknown members, on an issue about the object that has them. */
  readonly keys?: readonly string[];
}

/**
 * The one validation pipe: what a handler declared with `@Body({ schema })`, `@Query({ schema })` or
 * `@Param('id', { schema })` is checked and parsed before it runs. A body or a query without a schema is a fault of the
 * program, so that none is ever read unchecked, and so is an object schema that would drop unknown fields in silence.
 * NUL characters are refused everywhere: PostgreSQL's text cannot hold them.
 * @throws ServiceError `invalid_request`, with at most 20 `errors`
 */
export class ValidationPipe extends StandardSchemaValidationPipe implements PipeTransform {
  override async transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    if (metadata.type === 'custom') return value;
    const root = metadata.data === undefined ? [] : [metadata.data];
    const nul = pathOfNul(value);
    if (nul) throw invalidRequest([{ path: [...root, ...nul], message: 'must not contain a NUL character' }]);
    const { schema } = metadata;
    if (!schema) {
      if (metadata.type === 'param') return value;
      throw new Error(`a handler reads its ${metadata.type} without a schema`);
    }
    if (schema instanceof z.ZodObject && schema.def.catchall === undefined) {
      throw new Error(`the schema of a ${metadata.type} lets unknown fields through; use z.strictObject`);
    }
    const result = await this.validate<T>(value, schema);
    if (!result.issues) return result.value;
    throw invalidRequest(
      result.issues.map((issue) => ({ ...issue, path: [...root, ...(issue.path ?? [])] })),
    );
  }
}

function invalidRequest(issues: readonly Issue[]): ServiceError<'invalid_request'> {
  const errors = issues.slice(0, maxErrors).flatMap(fieldErrors).slice(0, maxErrors);
  return new ServiceError('invalid_request', { errors });
}

function fieldErrors({ message, path = [], keys }: Issue): FieldError[] {
  const names = path.map((step) => String(typeof step === 'object' ? step.key : step));
  const at = (...more: string[]) => [...names, ...more].join('.').slice(0, maxFieldLength);
  if (keys === undefined) return [{ field: at(), message }];
  return keys.slice(0, maxErrors).map((key) => ({ field: at(key), message: 'Unknown field' }));
}

/** Iterative, because a body of 64 KiB can be nested deeper than the stack. */
function pathOfNul(value: unknown): string[] | undefined {
  const pending: { value: unknown; path: PathLink | undefined }[] = [{ value, path: undefined }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { path } = next;
    if (typeof next.value === 'string' && next.value.includes('\0')) return namesOf(path);
    if (typeof next.value !== 'object' || next.value === null || ArrayBuffer.isView(next.value)) continue;
    for (const [name, child] of Object.entries(next.value)) {
      if (name.includes('\0')) return namesOf(path);
      pending.push({ value: child, path: { name, parent: path } });
    }
  }
  return undefined;
}

interface PathLink {
  readonly name: string;
  readonly parent: PathLink | undefined;
}

function namesOf(path: PathLink | undefined): string[] {
  const names: string[] = [];
  for (let link = path; link; link = link.parent) names.unshift(link.name);
  return names;
}
