/** Reads the parameters of a form that is sent to an endpoint of OAuth (RFC 6749 §3.2). */
import { z } from 'zod';
import { JWT_BEARER, type Form } from '#service-kit';
import { OAuthError } from './oauth-error.js';

/** The parameters that have to do with client authentication. Each endpoint reads them. */
export const clientParameterNames = [
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
] as const;
export type ClientParameters = FormParameters<(typeof clientParameterNames)[number]>;

/** Those that a client should send, for the documentation. */
export const clientParameters = {
  client_assertion_type: z.string().describe(`\`${JWT_BEARER}\``),
  client_assertion: z.string().describe('A JWT that the key of the client signed (RFC 7523)'),
  client_id: z.string().optional().describe('If it is there, it names the client of the assertion'),
};

/** Parameters by name: `Once` those that may be sent once, `Many` those that may be repeated. */
export type FormParameters<Once extends string, Many extends string = never> = Readonly<
  Partial<Record<Once, string>>
> &
  Readonly<Record<Many, readonly string[]>>;

/**
 * Reads the named parameters. Ignores unknown ones, and treats one without a value as omitted. A parameter that is sent
 * twice is refused, also an unknown one: two readers could each take another value. `many` are those that may be repeated.
 *
 * @throws OAuthError `invalid_request`
 */
export function readParameters<Once extends string, Many extends string = never>(
  form: Form | undefined,
  once: readonly Once[],
  many: readonly Many[] = [],
): FormParameters<Once, Many> {
  if (form === undefined) throw invalidRequest('Send the parameters as a form');
  const repeatable = new Set<string>(many);
  const names = form.map(([name]) => name).filter((name) => !repeatable.has(name));
  if (new Set(names).size < names.length) throw invalidRequest('A parameter is sent twice');
  const valuesOf = (wanted: string) =>
    form.filter(([name, value]) => name === wanted && value !== '').map(([, value]) => value);
  const single = once.flatMap((name) => valuesOf(name).map((value) => [name, value] as const));
  const lists = many.map((name) => [name, valuesOf(name)] as const);
  return Object.fromEntries([...single, ...lists]) as FormParameters<Once, Many>;
}

/** @param message for the client */
export function invalidRequest(message: string): OAuthError {
  return new OAuthError('invalid_request', { message, errors: [{ field: '', message }] });
}
