/** The parameters of a request to the token endpoint (RFC 6749 §3.2, RFC 8693 §2.1, RFC 8707 §2). */
import { z } from 'zod';
import type { Form } from '#service-kit';
import {
  clientParameters,
  clientParameterNames,
  readParameters,
  type FormParameters,
} from './form-parameters.js';

/** Each parameter that the endpoint knows, for the documentation. */
export const tokenRequest = z.object({
  grant_type: z.string().describe('`client_credentials`, or the URN of the token exchange'),
  ...clientParameters,
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
  ...clientParameterNames,
  'scope',
  'subject_token',
  'subject_token_type',
  'requested_token_type',
  'actor_token',
  'actor_token_type',
] as const;
/** RFC 8707 and RFC 8693 let a client name several targets. auth makes no token for several, but that is another error. */
const REPEATABLE = ['resource', 'audience'] as const;

export type TokenRequest = FormParameters<(typeof SINGLE)[number]> & {
  readonly resources: readonly string[];
  readonly audiences: readonly string[];
};

/** @throws OAuthError `invalid_request` */
export function readTokenRequest(form: Form | undefined): TokenRequest {
  const { resource: resources, audience: audiences, ...single } = readParameters(form, SINGLE, REPEATABLE);
  return { ...single, resources, audiences };
}
