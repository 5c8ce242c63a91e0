/** The parameters of a request to the token endpoint (RFC 6749 §3.2, RFC 8693 §2.1, RFC 8707 §2). */
import { z } from 'zod';
import type { Form } from '#service-kit';
import { OAuthError } from './oauth-error.js';

/** Each parameter that the endpoint knows, for the documentation. */
export const tokenRequest = z.object({
  grant_type: z.string().describe('`client_credentials`, or the URN of the token exchange'),
  client_assertion_type: z.string().describe('`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`'),
  client_assertion: z.string().describe('A JWT that the key of the client signed (RFC 7523)'),
  client_id: z.string().optional().describe('If it is there, it names the client of the assertion'),
  resource: z.string().optional().describe('The base URL of the service that the token is for'),
  audience: z.string().optional().describe('Instead of `resource`: the name of that service'),
  scope: z
    .string()
    .optional()
    .describe('Scopes with spaces between them; without it, all that may be granted'),
  subject_token: z.string().optional().describe('For an exchange: the access token that the client received'),
  subject_token_type: z.string().optional().describe('The URN of an access token or of a JWT'),
  requested_token_type: z.string().optional().describe('The URN of an access token'),
});

const SINGLE = [
  'grant_type',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'scope',
  'subject_token',
  'subject_token_type',
  'requested_token_type',
  'actor_token',
  'actor_token_type',
] as const;
/** RFC 8707 and RFC 8693 let a client name several targets. auth makes no token for several, but that is another error. */
const REPEATABLE = ['resource', 'audience'];

export type TokenRequest = Readonly<Partial<Record<(typeof SINGLE)[number], string>>> & {
  readonly resources: readonly string[];
  readonly audiences: readonly string[];
};

/**
 * Reads the parameters of a form. Ignores unknown ones, and treats one without a value as omitted. A parameter that is sent
 * twice is refused, also an unknown one: two readers could each take another value.
 *
 * @throws OAuthError `invalid_request`
 */
export function readTokenRequest(form: Form | undefined): TokenRequest {
  if (form === undefined) throw invalidRequest('Send the parameters as a form');
  const names = form.map(([name]) => name).filter((name) => !REPEATABLE.includes(name));
  if (new Set(names).size < names.length) throw invalidRequest('A parameter is sent twice');
  const all = (wanted: string) =>
    form.filter(([name, value]) => name === wanted && value !== '').map(([, value]) => value);
  const single = SINGLE.flatMap((name) => all(name).map((value) => [name, value] as const));
  return { ...Object.fromEntries(single), resources: all('resource'), audiences: all('audience') };
}

/** @param message for the client */
export function invalidRequest(message: string): OAuthError {
  return new OAuthError('invalid_request', { message, errors: [{ field: '', message }] });
}
