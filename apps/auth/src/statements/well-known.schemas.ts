/** The schemas of what the issuer publishes about itself. They are for the documentation only. */
import { z } from 'zod';

const authMethods = z.array(z.literal('private_key_jwt'));
const algorithms = z.array(z.string());

/** RFC 8414 §2. */
export const metadata = z.strictObject({
  issuer: z.url(),
  jwks_uri: z.url(),
  token_endpoint: z.url(),
  token_endpoint_auth_methods_supported: authMethods,
  token_endpoint_auth_signing_alg_values_supported: algorithms,
  introspection_endpoint: z.url(),
  introspection_endpoint_auth_methods_supported: authMethods,
  introspection_endpoint_auth_signing_alg_values_supported: algorithms,
  revocation_endpoint: z.url(),
  revocation_endpoint_auth_methods_supported: authMethods,
  revocation_endpoint_auth_signing_alg_values_supported: algorithms,
  signed_jwks_uri: z.url().describe('OpenID Federation 1.0: the key set, signed by the trust anchor'),
  scopes_supported: z.array(z.string()),
  response_types_supported: z.array(z.string()),
  grant_types_supported: z.array(z.string()),
  access_token_signing_alg_values_supported: algorithms,
  service_documentation: z.url(),
});

/** RFC 7517 §5. */
export const jwks = z.strictObject({
  keys: z.array(z.looseObject({ kid: z.string(), kty: z.string(), alg: z.string(), use: z.literal('sig') })),
});
