/** Where the metadata of a protected resource are (RFC 9728). */

/** The path of the metadata of a resource whose URL has no path. */
export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource';

/** The URL of the metadata (§3.1): the path of the resource comes last. `resourceUrl` has no slash at its end. */
export function resourceMetadataUrl(resourceUrl: string): string {
  const { origin } = new URL(resourceUrl);
  return origin + RESOURCE_METADATA_PATH + resourceUrl.slice(origin.length);
}
