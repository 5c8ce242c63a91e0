/** Where the metadata of a protected resource are (RFC 9728). */

/** The path of the metadata of a resource whose URL has no path. */
export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource';

/**
 * The parameter of a challenge that says where the metadata are (§5.1). In their URL, the path of the resource comes last
 * (§3.1). `resourceUrl` has no slash at its end. Without it there is no parameter.
 */
export function resourceMetadataParameter(resourceUrl: string | undefined): string | undefined {
  if (resourceUrl === undefined) return undefined;
  const { origin } = new URL(resourceUrl);
  return `resource_metadata="${origin}${RESOURCE_METADATA_PATH}${resourceUrl.slice(origin.length)}"`;
}
