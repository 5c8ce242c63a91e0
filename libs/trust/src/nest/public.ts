import { SetMetadata } from '@nestjs/common';

/** Metadata key under which {@link Public} marks a route. */
export const PUBLIC_ROUTE = Symbol('public-route');

/**
 * Opens a route, or every route of a controller, to callers without a token. The guard is global, so every other route
 * is closed.
 */
export const Public = () => SetMetadata(PUBLIC_ROUTE, true);
