import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { StandardSchemaValidationPipe } from '@nestjs/common';
import { z } from 'zod';
import type { FieldError } from './service-error.js';
import { ServiceError } from './service-error.js';

const maxErrors = 20;
const maxFieldLength = 100;
/** How deep lists and objects may be nested. The routes of a service need three or four levels. */
const maxDepth = 32;
// Under the `u` flag a pair is one character, so this matches half of one.
const halfPair = /\p{Surrogate}/u;

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  /** Zod's list of unknown members, on an issue about the object that has them. */
  readonly keys?: readonly string[];
}

/**
 * The only validation pipe. It checks and parses what a handler declares with `@Body({ schema })`, `@Query({ schema })`
 * or `@Param('id', { schema })`, before the handler runs. Two mistakes of a program throw an Error: a body or a query
 * without a schema, which would be read unchecked, and an object schema that silently drops unknown fields. The pipe
 * refuses every text, and every name of a member, with a NUL character, because PostgreSQL's text cannot hold it. It
 * also refuses half of a surrogate pair, because UTF-8 cannot hold it: all halves would be stored and compared as the
 * same U+FFFD.
 * @throws ServiceError `invalid_request`, with at most 20 `errors`
 */
export class ValidationPipe extends StandardSchemaValidationPipe implements PipeTransform {
  override async transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    if (metadata.type === 'custom') return value;
    const root = metadata.data === undefined ? [] : [metadata.data];
    const fault = faultIn(value, root);
    if (fault) throw invalidRequest([fault]);
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

/**
 * Finds the first fault of a text in `value`, which is at `path`. The limit of the depth keeps the time linear and
 * protects the stack.
 */
function faultIn(value: unknown, path: readonly string[], depth = 0): Issue | undefined {
  if (typeof value === 'string') {
    const message = faultOfText(value);
    return message === undefined ? undefined : { path, message };
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
  if (depth === maxDepth)
    return { path: path.slice(0, -depth), message: `must not be nested deeper than ${maxDepth} levels` };
  for (const [name, child] of Object.entries(value)) {
    const message = faultOfText(name);
    const fault = message === undefined ? faultIn(child, [...path, name], depth + 1) : { path, message };
    if (fault) return fault;
  }
  return undefined;
}

function faultOfText(text: string): string | undefined {
  if (text.includes('\0')) return 'must not contain a NUL character';
  return halfPair.test(text) ? 'must be well-formed Unicode' : undefined;
}

/** For `superRefine` of a list: refuses an item whose member has the same value as in an earlier item. */
export function refuseRepeated<K extends string>(member: K) {
  return (items: readonly Readonly<Record<K, unknown>>[], context: z.RefinementCtx): void => {
    const seen = new Set<unknown>();
    for (const [index, { [member]: value }] of items.entries()) {
      if (seen.has(value)) {
        const message = `An earlier line has the same ${member}`;
        context.addIssue({ code: 'custom', path: [index, member], message });
      }
      seen.add(value);
    }
  };
}
